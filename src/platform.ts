import type { Bytes } from './bytes.js';
import type { Clock, StopSignal } from './ports/clock.js';

/** Bytes from the platform's cryptographic generator. */
export function platformRandom(bytes: number): Bytes {
  return globalThis.crypto.getRandomValues(new Uint8Array(bytes));
}

/** The platform's clocks and timers. */
export const systemClock: Clock = Object.freeze({
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms: number, signal?: StopSignal, options?: { readonly isIdle?: boolean }) =>
    new Promise<void>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      }, ms);
      // A number in browsers, which have no process to keep alive.
      if (options?.isIdle && typeof timer === 'object') timer.unref();
      signal?.addEventListener('abort', abort, { once: true });
    }),
});
