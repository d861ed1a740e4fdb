import { spawn } from 'node:child_process';

/** What became of a process. */
export interface Finished {
  /** As one would type it. */
  readonly command: string;
  /** The exit code; `null` where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a process is started. */
export interface RunOptions {
  readonly cwd: string;
  /** Beside what every process needs; nothing of the test runner's own environment is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  readonly shell?: boolean;
}

const PASSED_ON =
  /^(path|home|userprofile|appdata|localappdata|tmpdir|temp|tmp|systemroot|comspec|pathext)$/i;

/** Runs a process to its end. A failure is an outcome, not an error. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Finished> {
  const { cwd, env = {}, shell = false } = options;
  const inherited = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name));
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      shell,
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ command: [command, ...args].join(' '), code, stdout, stderr }));
  });
}

/** Runs a file of a project under the Node that runs the tests. */
export function node(
  cwd: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<Finished> {
  return run(process.execPath, args, { cwd, ...(env && { env }) });
}

/** Does `work` on every item, a few at once: each may be a process of its own. */
export async function eachOf<T, U>(items: readonly T[], work: (item: T) => Promise<U>): Promise<U[]> {
  const results: U[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T);
  };
  await Promise.all(Array.from({ length: 3 }, worker));
  return results;
}
