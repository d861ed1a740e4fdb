/** Chance that can be repeated: the same seed gives the same numbers. Not for keys of anything but a simulation. */
import type { Bytes } from '../../src/bytes.js';

/** sfc32, a small generator with a period long enough for a run. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param stream - another name is another sequence of the same seed */
  constructor(seed: number, stream: string) {
    this.#a = hashOf(`${seed} ${stream} a`);
    this.#b = hashOf(`${seed} ${stream} b`);
    this.#c = hashOf(`${seed} ${stream} c`);
    for (let i = 0; i < 12; i++) this.#next();
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor((this.#next() / 2 ** 32) * count);
  }

  /** Both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** `share` of the times. */
  happens(share: number): boolean {
    return this.#next() / 2 ** 32 < share;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  bytes(count: number): Bytes {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i += 4) {
      const word = this.#next();
      for (let j = 0; j < 4 && i + j < count; j++) bytes[i + j] = word >>> (8 * j);
    }
    return bytes;
  }
}

/** FNV-1a over the UTF-16 units of a text, going on from `start`. */
export function hashOf(text: string, start = 0x811c9dc5): number {
  let hash = start;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
