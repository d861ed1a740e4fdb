/** Time, as an argument. */
export interface Clock {
  /** Milliseconds since 1970, by the wall clock: may jump. */
  wallMs(): number;
  /** Milliseconds that never go back; where they start says nothing. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
