/** What a keyring tells whoever asked to hear it. No event holds a secret. */
export type KeyringEvent =
  | KeyringChangedEvent
  | KeyUsageEvent
  | KeyAgeEvent
  | CompromisedKeyEvent
  | DestructionScheduledEvent
  | KeyringFailureEvent;

/** A newer document was taken over, or written. */
export interface KeyringChangedEvent {
  /** Tells the events apart. */
  readonly type: 'changed';
  /** The document's revision. */
  readonly revision: number;
}

/** Three quarters of `maxCellsPerKey` are used up: rotate. Once for a key and process. */
export interface KeyUsageEvent {
  /** Tells the events apart. */
  readonly type: 'key-usage';
  /** The key. */
  readonly keyId: string;
  /** Cells encrypted under it, by all processes: approximate. */
  readonly cells: number;
  /** After which nothing is encrypted under it. */
  readonly maxCells: number;
}

/** An active key has reached nine tenths of its cryptoperiod: rotate. Once for a key and process. */
export interface KeyAgeEvent {
  /** Tells the events apart. */
  readonly type: 'key-age';
  /** The key. */
  readonly keyId: string;
  /** Whole days since it was made. */
  readonly ageDays: number;
  /** Days that it is to be active. */
  readonly cryptoperiodDays: number;
}

/** A key in the state `compromised` was used to decrypt. Once for a key and process. */
export interface CompromisedKeyEvent {
  /** Tells the events apart. */
  readonly type: 'compromised-key';
  /** The key. */
  readonly keyId: string;
}

/** A key's destruction is scheduled; `cancelDestruction` takes it back. Once for each moment, key and process; not for keys of tenants that stand in pages. */
export interface DestructionScheduledEvent {
  /** Tells the events apart. */
  readonly type: 'destruction-scheduled';
  /** The key. */
  readonly keyId: string;
  /** From when on `destroyKey` takes its bytes away. */
  readonly destroyAfter: Date;
  /** What `scheduleDestruction` was told, or `undefined`. */
  readonly reason: string | undefined;
}

/** Something failed that is tried again by itself. */
export interface KeyringFailureEvent {
  /** `read-failed`: the keyring could not be read again, or `watchKeyring` not write itself down; `usage-failed`: the store's log of usage could not be read, or cells not be added to it. */
  readonly type: 'read-failed' | 'usage-failed';
  /** What was thrown. */
  readonly error: unknown;
}

/** Takes events. What it throws is dropped: a logger's fault must not stop encryption. */
export type KeyringListener = (event: KeyringEvent) => unknown;

/** Tells a listener, if there is one. */
export function tell(listener: KeyringListener | undefined, event: KeyringEvent): void {
  const drop = (): undefined => undefined; // said above
  try {
    void Promise.resolve(listener?.(event)).catch(drop);
  } catch {
    drop();
  }
}
