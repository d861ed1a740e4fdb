import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How a story ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A story under way. */
export interface Running {
  readonly child: ChildProcess;
  /** Resolves when the output has this text in it. */
  said(text: string): Promise<void>;
  readonly ended: Promise<Ended>;
}

/** Starts the story as `npm start` does, but on the sources. It works in `dir`, which must not be there yet. */
export function startStory(dir: string, args: readonly string[]): Running {
  const flags = ['--disable-warning=ExperimentalWarning', '--import', 'tsx'];
  const child = spawn(
    process.execPath,
    [...flags, join(ROOT, 'examples/story/main.ts'), '--dir', dir, ...args],
    {
      cwd: ROOT,
    },
  );
  const output = { stdout: '', stderr: '' };
  const waiting: { text: string; resolve: () => void }[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
    for (const one of waiting) if (output.stdout.includes(one.text)) one.resolve();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.push({ text, resolve });
      ended.then(() => reject(new Error(`The story never said ${text}.`)), reject);
    });
  return { child, said, ended };
}

/** Runs the story to its end; not more than two at once, because each is four processes. */
export async function runStory(dir: string, args: readonly string[]): Promise<Ended> {
  const before = lanes.shift();
  const ended = Promise.resolve(before).then(() => startStory(dir, args).ended);
  lanes.push(ended.catch(() => undefined));
  return ended;
}

const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];

/** A folder for one test, and what is in it; removed by `remove`. */
export interface Room {
  readonly path: string;
  names(): string[];
  remove(): void;
}

export function makeRoom(): Room {
  const path = mkdtempSync(join(tmpdir(), 'cellseal-test-story-'));
  return {
    path,
    names: () => readdirSync(path).sort(),
    remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}
