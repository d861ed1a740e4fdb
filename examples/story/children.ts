import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of the story's own, which is told things in messages. */
export interface Child<Told extends object> {
  readonly pid: number;
  tell(message: Told): void;
  /** Without notice: nothing in the process can clean up. */
  kill(): void;
  /** Resolves when the process has ended and everything that it said has been heard. */
  readonly ended: Promise<void>;
}

/**
 * Starts a module of this folder as a process of its own, with the same Node and the same flags as this one, and hears
 * what it says. It is killed when this process ends.
 */
export function startChild<Said extends object, Told extends object>(
  module: URL,
  args: readonly string[],
  hear: (message: Said) => void,
): Child<Told> {
  const child = fork(fileURLToPath(module), [...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  child.on('message', (message) => hear(message as Said));
  // What a process has said may arrive after the news of its end.
  const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(() => {
    process.off('exit', kill);
  });
  return {
    pid: child.pid ?? 0,
    ended,
    kill,
    tell(message) {
      if (child.connected) child.send(message);
    },
  };
}

/** In a child: hears the story, and ends when it does. */
export function hearStory<Told extends object>(hear: (message: Told) => void): void {
  process.on('message', (message) => hear(message as Told));
  process.once('disconnect', () => process.exit(1));
}

/** In a child. */
export function say<Said extends object>(message: Said): void {
  process.send?.(message);
}

/** In a child: says the last thing, and lets the process end. */
export function sayLast<Said extends object>(message: Said): void {
  process.removeAllListeners('disconnect');
  process.send?.(message, () => process.disconnect());
}
