import { type Child, startChild } from './children.js';
import type { Fault } from './options.js';
import type { RunFolder } from './run-folder.js';
import type { WriterAnswer, WriterOrder } from './write-process.js';

/** The application that writes meanwhile, seen from the story. */
export interface Writer {
  readonly pid: number;
  /** Resolves when the process has read the keyring again. */
  refresh(): Promise<void>;
  /** Resolves when the process has finished its last write and ended. */
  stop(): Promise<void>;
}

/** Starts the process; resolves when it is about to write. */
export async function startWriter(folder: RunFolder, faults: readonly Fault[]): Promise<Writer> {
  const waiting: { done: WriterAnswer['done']; resolve: () => void }[] = [];
  const hear = ({ done }: WriterAnswer): void => {
    if (waiting[0]?.done === done) waiting.shift()?.resolve();
  };
  const module = new URL('./write-process.ts', import.meta.url);
  const child: Child<WriterOrder> = startChild(module, [folder.path, ...faults], hear);

  const answer = (done: WriterAnswer['done']): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.push({ done, resolve });
      const fail = (): void => reject(new Error('The process that writes has ended before it was told to.'));
      child.ended.then(fail, reject);
    });
  const order = (what: WriterOrder['order']): Promise<void> => {
    const answered = answer(what);
    child.tell({ order: what });
    return answered;
  };

  await answer('start');
  return {
    pid: child.pid,
    refresh: () => order('refresh'),
    async stop() {
      await order('stop');
      await child.ended;
    },
  };
}
