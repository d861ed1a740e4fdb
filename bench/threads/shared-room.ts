/** Memory that the main thread and a worker both see. */
import { Part } from './cells.js';

/** A few numbers, then slots for parts. */
export interface SharedRoom {
  readonly memory: SharedArrayBuffer;
  readonly slots: number;
  readonly slotBytes: number;
}
/** Parts that were handed over, and those that are done, ever. */
export const CONTROL = { given: 0, done: 1, numbers: 2 } as const;
export const CONTROL_BYTES = 64;

export function slotOf(memory: SharedArrayBuffer, slot: number, slotBytes: number): Part {
  return new Part(memory, CONTROL_BYTES + slot * slotBytes, slotBytes);
}
