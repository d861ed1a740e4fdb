/** What a keyring tells whoever asked to hear it. No event holds a secret. */
export type KeyringEvent =
  /** A newer document was taken over, or written. */
  | { readonly type: 'changed'; readonly revision: number }
  /** Three quarters of `maxCellsPerKey` are used up: rotate. Once for a key and process; `cells` is approximate. */
  | {
      readonly type: 'key-usage';
      readonly keyId: string;
      readonly cells: number;
      readonly maxCells: number;
    }
  /** An active key has reached nine tenths of its cryptoperiod: rotate. Once for a key and process. */
  | {
      readonly type: 'key-age';
      readonly keyId: string;
      readonly ageDays: number;
      readonly cryptoperiodDays: number;
    }
  /** A key that is marked as compromised was used to decrypt. Once for a key and process. */
  | { readonly type: 'compromised-key'; readonly keyId: string }
  /** `watchKeyring` could not read the keyring; it tries again at its next turn. */
  | { readonly type: 'read-failed'; readonly error: unknown }
  /** Cells could not be added to the store's usage log; they are added next time. */
  | { readonly type: 'usage-failed'; readonly error: unknown };

/** Takes events. What it throws is dropped: a logger's fault must not stop encryption. */
export type KeyringListener = (event: KeyringEvent) => void;

/** Tells a listener, if there is one. */
export function tell(listener: KeyringListener | undefined, event: KeyringEvent): void {
  try {
    listener?.(event);
  } catch {
    // said above
  }
}
