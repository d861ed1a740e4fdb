/** Ways for a part to another thread and back: in messages that hand a buffer over, and in memory that both threads see. */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { Part, type Setup } from './cells.js';
import { CONTROL, CONTROL_BYTES, type SharedRoom, slotOf } from './shared-room.js';

/** One worker thread, as the main thread sees it. Parts come back in the order in which they went. */
export interface Lane {
  /** A part to fill, or `undefined` where all are on their way. */
  take(): Part | undefined;
  give(part: Part): void;
  /** The next one that has come back, if it has; it is to be released once it was read. */
  collect(): Part | undefined;
  release(part: Part): void;
  /** Until something has come back. */
  wait(): Promise<void>;
  close(): Promise<unknown>;
}

/** How many parts are with a worker at once: one at work, one that waits. */
const PARTS = 2;
export const PART_BYTES = 512 * 1_024;
/** A worker that has died wakes nobody who sleeps on shared memory: so he looks again. */
const LONGEST_SLEEP_MS = 100;

/** One message each way: the buffer goes with it. */
export function messageLane(setup: Setup): Lane {
  const worker = start({ setup });
  const idle = Array.from({ length: PARTS }, () => new Part(new ArrayBuffer(PART_BYTES)));
  const back: Part[] = [];
  let wake: (() => void) | undefined;
  worker.on('message', (buffer: ArrayBuffer) => {
    back.push(new Part(buffer));
    wake?.();
  });
  return {
    take: () => idle.pop(),
    give: ({ buffer }) => worker.postMessage(buffer, [buffer as ArrayBuffer]),
    collect: () => back.shift(),
    release: (part) => void idle.push(part),
    async wait() {
      if (back.length > 0) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    },
    close: () => worker.terminate(),
  };
}

/** No message at all: each thread sleeps on what the other counts. The main thread's event loop stands still meanwhile. */
export function sharedLane(setup: Setup): Lane {
  const memory = new SharedArrayBuffer(CONTROL_BYTES + PARTS * PART_BYTES);
  const shared: SharedRoom = { memory, slots: PARTS, slotBytes: PART_BYTES };
  const worker = start({ setup, shared });
  const control = new Int32Array(memory, 0, CONTROL.numbers);
  const parts = Array.from({ length: PARTS }, (_, slot) => slotOf(memory, slot, PART_BYTES));
  const part = (at: number): Part => parts[at % PARTS] as Part;
  let given = 0;
  let collected = 0;
  let released = 0;
  return {
    take: () => (given - released < PARTS ? part(given) : undefined),
    give() {
      given++;
      Atomics.store(control, CONTROL.given, given);
      Atomics.notify(control, CONTROL.given);
    },
    collect: () => (Atomics.load(control, CONTROL.done) > collected ? part(collected++) : undefined),
    release() {
      released++;
    },
    async wait() {
      if (collected < given) Atomics.wait(control, CONTROL.done, collected, LONGEST_SLEEP_MS);
    },
    close: () => worker.terminate(),
  };
}

/** As plain JavaScript: under Node 20 a worker that begins with a TypeScript file does not start. */
const program = buildSync({
  entryPoints: [fileURLToPath(new URL('./worker.ts', import.meta.url))],
  ...{ bundle: true, write: false, format: 'esm', platform: 'node' },
}).outputFiles[0]?.text;

function start(workerData: { readonly setup: Setup; readonly shared?: SharedRoom }): Worker {
  const url = new URL(`data:text/javascript,${encodeURIComponent(program as string)}`);
  return new Worker(url, { workerData, execArgv: [] });
}
