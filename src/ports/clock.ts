/**
 * The part of an `AbortSignal` that is used: what an `AbortController` has, in browsers and in Node. A type of its own,
 * because who compiles without the DOM's types and without Node's knows no `AbortSignal`.
 */
export interface StopSignal {
  /** Whether to stop. */
  readonly aborted: boolean;
  /** What is thrown then. */
  readonly reason: unknown;
  /** Throws the reason once `aborted`. */
  throwIfAborted(): void;
  /** Calls `listener` when it becomes `aborted`. */
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  /** Takes that back. */
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Time, as an argument. */
export interface Clock {
  /** Milliseconds since 1970, by the wall clock: may jump. */
  wallMs(): number;
  /** Milliseconds that never go back; where they start says nothing. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason as soon as it aborts. An idle sleep does not keep the process alive. */
  sleep(ms: number, signal?: StopSignal, options?: { readonly isIdle?: boolean }): Promise<void>;
}
