/** A worker thread of `npm run bench:threads`: gets its keys once, then parts, one after another. */
import { parentPort, workerData } from 'node:worker_threads';
import { Cells, Part, type Setup } from './cells.js';
import { CONTROL, type SharedRoom, slotOf } from './shared-room.js';

const { setup, shared } = workerData as { readonly setup: Setup; readonly shared?: SharedRoom };
const cells = new Cells(setup);

if (shared) takeFromSharedMemory(shared);
else {
  parentPort?.on('message', (buffer: ArrayBuffer) => {
    cells.run(new Part(buffer));
    parentPort?.postMessage(buffer, [buffer]);
  });
}

/** Sleeps on the count of parts that were handed over; never comes back to its event loop. */
function takeFromSharedMemory({ memory, slots, slotBytes }: SharedRoom): void {
  const control = new Int32Array(memory, 0, CONTROL.numbers);
  const parts = Array.from({ length: slots }, (_, slot) => slotOf(memory, slot, slotBytes));
  for (let done = 0; ; done++) {
    while (Atomics.load(control, CONTROL.given) === done) Atomics.wait(control, CONTROL.given, done);
    cells.run(parts[done % slots] as Part);
    Atomics.store(control, CONTROL.done, done + 1);
    Atomics.notify(control, CONTROL.done);
  }
}
