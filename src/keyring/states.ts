/** The states of a key (NIST SP 800-57 part 1, §7). */
export type KeyState = 'pre-active' | 'active' | 'deactivated' | 'suspended' | 'compromised' | 'destroyed';

interface StateRow {
  /** Whether cells under the key are opened. */
  readonly opens: boolean;
  /** Whether the document still holds the key's bytes, wrapped. */
  readonly holdsBytes: boolean;
  /** Whether activateKey takes it from here. */
  readonly canActivate: boolean;
  /** Whether suspendKey takes it from here. */
  readonly canSuspend: boolean;
}

const no = { opens: false, holdsBytes: true, canActivate: false, canSuspend: false };

/** One row a state. Only the active key of a kind and tenant seals. */
export const KEY_STATES: Readonly<Record<KeyState, StateRow>> = Object.freeze({
  // Another process may have read a newer document and be sealing with it already: it opens.
  'pre-active': { ...no, opens: true, canActivate: true },
  active: { ...no, opens: true },
  // To activate it again is to undo a rotation: the next one goes in the other direction.
  deactivated: { ...no, opens: true, canActivate: true, canSuspend: true },
  suspended: no,
  compromised: { ...no, opens: true, canSuspend: true },
  destroyed: { ...no, holdsBytes: false },
});

/** What a key is for. */
export type KeyKind = 'data' | 'index';
