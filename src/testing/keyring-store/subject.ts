import type { KeyringStore, MaybePromise, StoredKeyring } from '../../index.js';

/** A keyring store to test. Every case gets one of its own, and it is empty. */
export interface KeyringStoreSubject {
  /** The store. */
  readonly store: KeyringStore;
  /** Gives another store over the same keyring, as another process would have it. Without it, `store` stands for both. */
  another?(): KeyringStore;
  /** Called when the case is over, however it ended. */
  close?(): Promise<void>;
}

/** What a keyring store need not have. */
export type KeyringStoreMember = 'restore' | 'pages' | 'processes' | 'usage';

/** What the store promises beside `read` and `write`. */
export interface KeyringStoreCasesOptions {
  /** Each of them adds its cases; that there are no others is a case too. Default: none. */
  readonly members?: readonly KeyringStoreMember[];
}

/** Makes a store that can only be read, and holds this document; or none. */
export type OpenReadOnlyKeyring = (
  held: StoredKeyring | undefined,
) => MaybePromise<Omit<KeyringStoreSubject, 'another'>>;

/** A case before it has a subject. */
export interface KeyringCase {
  readonly name: string;
  test(store: KeyringStore, another: () => KeyringStore): Promise<void>;
}

/** A case of one member, before it has a subject: the member of the store that is tested, and of others over the same keyring. */
export interface MemberCase<Member extends KeyringStoreMember> {
  readonly name: string;
  test(
    member: NonNullable<KeyringStore[Member]>,
    another: () => NonNullable<KeyringStore[Member]>,
    store: KeyringStore,
  ): Promise<void>;
}
