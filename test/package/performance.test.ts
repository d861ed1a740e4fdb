/** docs/performance.md takes the floors from where they are measured: `npm run bench:docs` brings them there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './packed.js';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('the document on performance', () => {
  it('shows the floors as they are measured', () => {
    const code = read('bench/floors.ts').replace(/^\/\*\*.*?\*\/\n/s, '');
    expect(read('docs/performance.md')).toContain(`\`\`\`ts\n${code.trim()}\n\`\`\``);
  });

  it('names every package that is compared', () => {
    const { dependencies } = JSON.parse(read('bench/peers/package.json'));
    // typeorm is there for what is built on it.
    for (const name of Object.keys(dependencies).filter((one) => one !== 'typeorm'))
      expect(read('docs/performance.md')).toContain(`${name} ${dependencies[name]}`);
  });
});
