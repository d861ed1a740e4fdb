import type { Bytes } from './bytes.js';
import type { Clock, StopSignal } from './ports/clock.js';

/** Bytes from the platform's cryptographic generator. */
export function platformRandom(bytes: number, into: Bytes = new Uint8Array(bytes)): Bytes {
  return globalThis.crypto.getRandomValues(into);
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

const warned = new Set<string>();

/** Tells who runs the program, once for each text: as a warning of the process, or on the console where there is none. */
export function warnOnce(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  const { process, console } = globalThis as unknown as Partial<Warners>;
  if (process?.emitWarning) process.emitWarning(message, 'CellsealWarning');
  else console?.warn(`CellsealWarning: ${message}`);
}

interface Warners {
  readonly process: { emitWarning?(message: string, type: string): void };
  readonly console: { warn(message: string): void };
}
