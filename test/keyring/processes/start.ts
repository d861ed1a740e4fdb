/** Starts processes that run TypeScript, for tests. */
import { type ChildProcess, type StdioOptions, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Order, Report } from './administrator.js';

/** The flags that let Node run TypeScript. */
const TYPESCRIPT = ['--import', 'tsx'];
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A process that does what it is told. */
export interface Administrator {
  tell(order: Order): Promise<Report>;
  stop(): Promise<void>;
}

export async function startAdministrator(): Promise<Administrator> {
  const child = fork(new URL('./administrator.ts', import.meta.url), { execArgv: TYPESCRIPT, cwd: root });
  await nextReport(child);
  return {
    async tell(order) {
      const report = nextReport(child);
      child.send(order);
      return report;
    },
    async stop() {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** A process that writes until it is killed. */
export interface Writer {
  /** What it has told so far, whole lines only. */
  readonly told: () => readonly string[];
  /** Resolves when it has told so many lines. */
  until(lines: number): Promise<void>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

export function startWriter(...given: readonly string[]): Writer {
  const script = fileURLToPath(new URL('./writer.ts', import.meta.url));
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
  const child = spawn(process.execPath, [...TYPESCRIPT, script, ...given], { stdio, cwd: root });
  let [output, errors] = ['', ''];
  child.stdout?.on('data', (text) => {
    output += String(text);
  });
  child.stderr?.on('data', (text) => {
    errors += String(text);
  });
  const closed = once(child, 'close');
  const told = (): readonly string[] => output.split('\n').slice(0, -1);
  return {
    told,
    async until(lines) {
      while (told().length < lines) {
        const more = once(child.stdout as NodeJS.ReadableStream, 'data');
        const ended = closed.then(() => {
          throw new Error(`The writer ended by itself: ${errors}`);
        });
        await Promise.race([more, ended]);
      }
    },
    async kill() {
      child.kill('SIGKILL');
      const [, signal] = (await closed) as [number | null, string | null];
      if (signal !== 'SIGKILL') throw new Error(`The writer ended by itself: ${errors}`);
    },
  };
}

async function nextReport(child: ChildProcess): Promise<Report> {
  const [report] = (await once(child, 'message')) as [Report];
  return report;
}
