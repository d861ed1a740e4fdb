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

const waiting: (() => void)[] = [];

/**
 * Resolves when the event loop has turned, so that timers and requests have had their time. Of many who wait, one goes on
 * in each turn, in their order: together they would hold it up as if none had waited.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) inNextTurn(goOn);
  });
}

function goOn(): void {
  waiting.shift()?.();
  if (waiting.length > 0) inNextTurn(goOn);
}

function inNextTurn(task: () => void): void {
  const { setImmediate, MessageChannel } = globalThis as unknown as Partial<Turners>;
  if (setImmediate) {
    setImmediate(task);
  } else if (MessageChannel) {
    // Browsers make timers that follow one another wait for four milliseconds.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      task();
    };
    port2.postMessage(undefined);
  } else {
    setTimeout(task, 0);
  }
}

const warned = new Set<string>();

/** Tells who runs the program, once for each text: as a warning of the process, or on the console where there is none. */
export function warnOnce(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  const { process, console } = globalThis as unknown as Partial<Warners>;
  if (process?.emitWarning) process.emitWarning(message, 'CellsealWarning');
  else console?.warn(`CellsealWarning: ${message}`);
}

interface Turners {
  setImmediate(task: () => void): void;
  readonly MessageChannel: new () => {
    readonly port1: { onmessage: (() => void) | null; close(): void };
    readonly port2: { postMessage(message: undefined): void };
  };
}

interface Warners {
  readonly process: { emitWarning?(message: string, type: string): void };
  readonly console: { warn(message: string): void };
}
