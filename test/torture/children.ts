/** Processes that a torture starts, stops and kills. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that answers messages. */
export interface Child<Said> {
  readonly process: ChildProcess;
  readonly ended: Promise<Ending>;
  send(message: object): void;
  /** The next message for which this holds, or `undefined` if it ends first. */
  hear<Heard extends Said>(is: (said: Said) => said is Heard): Promise<Heard | undefined>;
  kill(signal: NodeJS.Signals): void;
}

/** What starts processes, and ends what is still there. */
export interface Children {
  start<Said>(script: 'rotator' | 'writer', args: readonly string[]): Child<Said>;
  close(): Promise<void>;
}

/** Bundled once: a process that is killed after a few milliseconds must not spend them compiling. */
export interface Scripts {
  path(script: string): string;
  close(): void;
}

let bundles = 0;

export async function bundleScripts(names: readonly string[]): Promise<Scripts> {
  // Inside the repository, so that drivers are found by their names.
  const name = `cellseal-torture-${process.pid}-${bundles++}`;
  const folder = join(import.meta.dirname, '../../node_modules/.cache', name);
  await build({
    entryPoints: names.map((name) => join(import.meta.dirname, `${name}.ts`)),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['libsql', 'pg', 'mysql2'],
    logLevel: 'error',
  });
  return {
    path: (script) => join(folder, `${script}.mjs`),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export async function prepareChildren(): Promise<Children> {
  const scripts = await bundleScripts(['rotator', 'writer']);
  const running = new Set<Child<never>>();
  return {
    start(script, args) {
      const child = childOf<never>(
        fork(scripts.path(script), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
      );
      running.add(child);
      void child.ended.then(() => running.delete(child));
      return child as Child<never>;
    },
    async close() {
      const left = [...running];
      for (const child of left) child.kill('SIGKILL');
      await Promise.all(left.map(({ ended }) => ended));
      scripts.close();
    },
  };
}

function childOf<Said>(child: ChildProcess): Child<Said> {
  const ended = once(child, 'exit').then(([code, signal]): Ending => ({ code, signal }));
  child.on('error', () => undefined); // a message to somebody who is gone
  return {
    process: child,
    ended,
    send(message) {
      if (child.connected) child.send(message, () => undefined);
    },
    hear: (is) =>
      new Promise((resolve) => {
        const listen = (said: Said): void => {
          if (is(said)) settle(said);
        };
        const settle = (said?: Parameters<typeof resolve>[0]): void => {
          child.off('message', listen as never);
          resolve(said as never);
        };
        child.on('message', listen as never);
        void ended.then(() => settle(undefined));
      }),
    kill(signal) {
      child.kill(signal);
    },
  };
}

/** Resolves when the process is stopped, or gone. */
export async function untilStopped({ process: child }: Child<never>): Promise<void> {
  for (;;) {
    // The state stands behind the name, which may hold spaces, in brackets.
    const stat = child.pid ? readStat(child.pid) : '';
    if (stat === '' || /\) [TZX]/.test(stat)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return '';
  }
}
