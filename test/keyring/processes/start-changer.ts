/** Starts processes that change keyrings, for tests. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Answer, Order } from './changer.js';

/** Inside the repository, so that the driver is found by its name. */
const bundles = join(import.meta.dirname, '../../../node_modules/.cache', `cellseal-changer-${process.pid}`);
const children = new Set<ChildProcess>();

/** Bundled once: a child that is killed after a few milliseconds must not spend them compiling. */
export async function bundleChanger(): Promise<void> {
  await build({
    entryPoints: [join(import.meta.dirname, 'changer.ts')],
    outdir: bundles,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['libsql'],
    logLevel: 'error',
  });
}

export function removeChangers(): void {
  for (const child of children) child.kill('SIGKILL');
  rmSync(bundles, { recursive: true, force: true });
}

/** A process that does what it is told. */
export interface Changer {
  /** What it answers next: the code of what the order came to, or that it waits. */
  tell(order: Order): Promise<unknown>;
  /** The lines that it has told on standard output, whole ones only. */
  readonly told: () => readonly string[];
  /** Resolves when it has told this line, or one of the others; gives back which. */
  until(...lines: readonly string[]): Promise<string>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

export async function startChanger(): Promise<Changer> {
  const child = fork(join(bundles, 'changer.mjs'), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  children.add(child);
  let output = '';
  child.stdout?.on('data', (text) => {
    output += String(text);
  });
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  const gone = closed.then(() => {
    children.delete(child);
    return Promise.reject(new Error('The process ended by itself.'));
  });
  gone.catch(() => undefined); // told to whoever waits for something else
  const told = (): readonly string[] => output.split('\n').slice(0, -1);
  const next = async (): Promise<unknown> => {
    const [answer] = (await Promise.race([once(child, 'message'), gone])) as [Answer];
    return 'waits' in answer ? 'waits' : answer.code;
  };
  await next();
  return {
    told,
    tell(order) {
      const answer = next();
      answer.catch(() => undefined); // who kills it does not wait for it
      child.send(order);
      return answer;
    },
    async until(...lines) {
      for (;;) {
        const found = told().find((line) => lines.includes(line));
        if (found !== undefined) return found;
        await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), gone]);
      }
    },
    async kill() {
      child.kill('SIGKILL');
      const [, signal] = await closed;
      if (signal !== 'SIGKILL') throw new Error('The process ended by itself.');
    },
  };
}
