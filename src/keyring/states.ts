/** The states of a key (NIST SP 800-57 part 1, §7). */
export type KeyState = 'pre-active' | 'active' | 'deactivated' | 'suspended' | 'compromised' | 'destroyed';

/** What an entry may say beside its state, each as docs/keyring-format.md §5 has it. */
export type KeyMark = 'compromisedAt' | 'emptySince' | 'destroyAfter' | 'destroyReason';

interface StateRow {
  /** Whether cells under the key are opened. */
  readonly opens: boolean;
  /** Whether the document still holds the key's bytes, wrapped. */
  readonly holdsBytes: boolean;
  /** Whether activateKey takes it from here. */
  readonly canActivate: boolean;
  /** Whether suspendKey takes it from here. */
  readonly canSuspend: boolean;
  /** Whether markCompromised takes it from here. */
  readonly canCompromise: boolean;
  /** What an entry in this state may have; whatever else it had is dropped when it comes here. */
  readonly marks: readonly KeyMark[];
}

const no = {
  opens: false,
  holdsBytes: true,
  canActivate: false,
  canSuspend: false,
  canCompromise: false,
  marks: [],
};
/** Nobody writes under it, so that a census says something that lasts. */
const retired = { ...no, canCompromise: true, marks: ['emptySince'] } as const;

/** One row a state. Only the active key of a kind and tenant seals. */
export const KEY_STATES: Readonly<Record<KeyState, StateRow>> = Object.freeze({
  // Another process may have read a newer document and be sealing with it already: it opens.
  'pre-active': { ...no, opens: true, canActivate: true },
  active: { ...no, opens: true },
  // To activate it again is to undo a rotation: the next one goes in the other direction.
  deactivated: { ...retired, opens: true, canActivate: true, canSuspend: true },
  suspended: { ...retired, marks: ['compromisedAt', 'emptySince', 'destroyAfter', 'destroyReason'] },
  compromised: { ...retired, opens: true, canSuspend: true, marks: ['compromisedAt', 'emptySince'] },
  destroyed: { ...no, holdsBytes: false, marks: ['compromisedAt', 'destroyReason'] },
});

/** What a key is for. */
export type KeyKind = 'data' | 'index';
