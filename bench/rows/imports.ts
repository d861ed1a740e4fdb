/** How long a process takes to import the package. */
import { spawnSync } from 'node:child_process';
import { quantile, ratioOf } from '../measure.js';
import { IMPORTING, ROOT_ENTRY } from '../names.js';
import type { Row } from '../report.js';

const FLOOR = 'floor: node:crypto';
const ROUNDS = 11;
const PROGRAM =
  'const began = performance.now(); await import(process.argv[1]); console.log(performance.now() - began);';

export function importRows(): Row[] {
  const names = { [FLOOR]: 'node:crypto', [ROOT_ENTRY]: 'cellseal' };
  const times = new Map<string, number[]>(Object.keys(names).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, specifier] of Object.entries(names)) {
      const ms = importMs(specifier);
      if (round > 0) times.get(name)?.push(ms); // the first reads the files from the disk
    }
  }
  const under = times.get(FLOOR) as number[];
  return [...times].map(([name, own]) => {
    const row = {
      table: IMPORTING,
      of: 'import',
      name,
      unit: 'ms',
      value: quantile(own, 0.5),
      rounds: ROUNDS,
    } as const;
    return name === FLOOR ? row : { ...row, ratio: ratioOf(FLOOR, own, under) };
  });
}

/** By its name from the project's folder, where it is what `npm run build` made. */
function importMs(specifier: string): number {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', PROGRAM, specifier],
    { cwd: new URL('../..', import.meta.url), encoding: 'utf8' },
  );
  const ms = Number.parseFloat(stdout);
  if (Number.isNaN(ms)) throw new Error(`importing ${specifier} failed: ${stderr}`);
  return ms;
}
