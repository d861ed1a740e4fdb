/** What comes after opening: a key's first use, and reading the keyring again. */
import { createHash } from 'node:crypto';
import { base32, utf8 } from '../../bytes.js';
import { keyCommitment, keyId } from '../../cell.js';
import type { Part } from '../../context.js';
import {
  type DocumentSpec,
  type KeySpec,
  type RefreshCode,
  type SlotSpec,
  type Unlock,
  type UseCode,
  bucketOf,
  keyText,
  payloadHash,
  payloadText,
  readAgain,
  readDocument,
  slotText,
  useKey,
  writeDocument,
} from '../../keyring-document.js';
import { random } from '../shared.js';
import { sharing } from './opening.js';
import {
  CREATED_AT,
  DATA,
  INDEX,
  type KeyUse,
  PASSPHRASE,
  RAW_KEY,
  type RefreshCase,
  edited,
  jsonPart,
  jsonUnlock,
  key,
  kmsEntry,
  kmsSlot,
  page,
  pageOf,
  passphraseSlot,
  rawSlot,
  replaced,
  spec,
} from './shared.js';

const RAW: Unlock = { rawKey: RAW_KEY };
const SECOND = key('second', 'deactivated');
const ACME = key('acme', 'active', { tenant: 'acme' });

/** A key that is asked for; what the oracle says of it must be what was written by hand. */
function use(
  name: string,
  expect: UseCode,
  document: string,
  used: KeySpec,
  tenant?: Part,
  pages?: Readonly<Record<string, string>>,
): KeyUse {
  const id = base32(keyId(used.kind, used.key));
  const outcome = readDocument(utf8(document), 1, RAW);
  if (outcome.code !== 'success') throw new Error(`${name}: ${outcome.code}`);
  const kept = new Map(Object.entries(pages ?? {}).map(([page, text]) => [page, utf8(text)]));
  const code = useKey(outcome.document, kept, id, tenant);
  if (code !== expect) throw new Error(`${name}: ${code}, not ${expect}`);
  return {
    name,
    expect,
    revision: 1,
    ...jsonUnlock(RAW),
    keyId: id,
    ...(tenant !== undefined && { tenant: jsonPart(tenant) }),
    document,
    ...(pages && { pages }),
  };
}

/** Data keys at their first use. */
export function makeUses(): KeyUse[] {
  const two = spec({ keys: [DATA, SECOND] });
  const written = (...keys: KeySpec[]): string => writeDocument(spec({ keys }));
  const [wrapped, other] = [wrappedIn(two, DATA), wrappedIn(two, SECOND)];
  const swapped = edited(two, [wrapped, 'elsewhere'], [other, wrapped], ['elsewhere', other]);
  const under = (more: Partial<DocumentSpec>, like: Partial<KeySpec> = {}): string =>
    edited(spec({ keys: [DATA] }), [wrapped, wrappedIn(spec(more), { ...DATA, ...like })]);
  return [
    use('active_key', 'success', written(DATA), DATA),
    use('pre_active_key', 'success', written(key('data', 'pre-active')), DATA),
    use('deactivated_key', 'success', written(key('data', 'deactivated')), DATA),
    use('compromised_key', 'success', written(key('data', 'compromised')), DATA),
    use('suspended_key', 'suspended-key', written(key('data', 'suspended')), DATA),
    use('destroyed_key', 'destroyed-key', written(key('data', 'destroyed')), DATA),
    use('key_of_the_tenant', 'success', written(ACME), ACME, 'acme'),
    use('key_of_an_integer_tenant', 'success', written(key('acme', 'active', { tenant: 7n })), ACME, 7n),
    use(
      'key_of_a_tenant_of_bytes',
      'success',
      written(key('acme', 'active', { tenant: Uint8Array.of(7) })),
      ACME,
      Uint8Array.of(7),
    ),
    use('key_of_another_tenant', 'key-of-another-tenant', written(ACME), ACME, 'umbrella'),
    use('key_of_a_tenant_without_a_tenant', 'key-of-another-tenant', written(ACME), ACME),
    use(
      'key_of_an_integer_tenant_for_its_text',
      'key-of-another-tenant',
      written(key('acme', 'active', { tenant: 7n })),
      ACME,
      '7',
    ),
    use(
      'suspended_key_of_another_tenant',
      'key-of-another-tenant',
      written(key('acme', 'suspended', { tenant: 'acme' })),
      ACME,
    ),
    use('wrapped_keys_swapped', 'keyring-damaged', swapped, DATA),
    use('wrapped_key_tampered', 'keyring-damaged', edited(two, [wrapped, tampered(wrapped)]), DATA),
    use('wrapped_key_tampered_beside_the_one_used', 'success', edited(two, [other, tampered(other)]), DATA),
    // The wrapping verifies, and what is inside is another key: only the commitment tells.
    use(
      'commitment_of_another_key',
      'keyring-damaged',
      written({ ...DATA, key: SECOND.key, commitment: keyCommitment('data', DATA.key) }),
      DATA,
    ),
    use('wrapped_for_another_keyring', 'keyring-damaged', under({ keyringId: 'kr_elsewhere' }), DATA),
    use('wrapped_under_another_root_key', 'keyring-damaged', under({ rootKey: random('root', 32) }), DATA),
    use('wrapped_for_a_tenant', 'keyring-damaged', under({}, { tenant: 'acme' }), DATA),
    use(
      'wrapped_for_no_tenant',
      'keyring-damaged',
      edited(spec({ keys: [ACME] }), [wrappedIn(spec(), ACME), wrappedIn(spec(), key('acme', 'active'))]),
      ACME,
      'acme',
    ),
    use(
      'index_key_named_a_data_key',
      'keyring-damaged',
      edited(spec({ keys: [INDEX] }), ['"kind":"index"', '"kind":"data"']),
      INDEX,
    ),
    use('index_key_asked_for_as_a_data_key', 'unknown-key', written(DATA, INDEX), INDEX),
    use('key_that_is_not_there', 'unknown-key', written(DATA, INDEX), SECOND),
    ...usesOfPages(),
  ];
}

/** Tenants' keys that stand in pages. */
function usesOfPages(): KeyUse[] {
  const tenants: readonly Part[] = ['acme', 'umbrella', 7n, -12n, Uint8Array.of(0xab, 0x01), 'Zoë'];
  const all = tenants
    .map((tenant, place) => key(`paged-${place}`, 'active', { tenant }))
    .sort((left, right) => bucketOf(left.tenant as Part) - bucketOf(right.tenant as Part));
  const middle = bucketOf(all[3]?.tenant as Part);
  /** Two pages, cut at a bucket: before it, and from it on. */
  const paged = (
    keys: readonly KeySpec[],
    cut = middle,
  ): [document: string, pages: Record<string, string>] => {
    const isLow = ({ tenant }: KeySpec): boolean => bucketOf(tenant as Part) < cut;
    const texts = [page(...keys.filter(isLow)), page(...keys.filter((each) => !isLow(each)))] as const;
    const references = [pageOf('low', 0, texts[0]), pageOf('high', cut, texts[1])] as const;
    const document = writeDocument(spec({ pages: references }));
    return [document, { [references[0].name]: texts[0], [references[1].name]: texts[1] }];
  };
  /** One page of this text, whatever it is. */
  const only = (text: string): [document: string, pages: Record<string, string>] => {
    const reference = pageOf('only', 0, text);
    return [writeDocument(spec({ pages: [reference] })), { [reference.name]: text }];
  };
  const [document, pages] = paged(all);
  const [low, high] = Object.keys(pages) as [string, string];
  const [one, other] = [all[0], all[5]] as [KeySpec, KeySpec]; // in the first page, and in the last
  const acme = key('paged-0', 'active', { tenant: 'acme' });
  const inPage = (
    name: string,
    expect: UseCode,
    keys: readonly KeySpec[],
    used = keys[0] as KeySpec,
  ): KeyUse => {
    const [own, itsPages] = only(page(...keys));
    return use(name, expect, own, used, used.tenant, itsPages);
  };
  const ofText = (name: string, text: string, expect: UseCode = 'keyring-damaged'): KeyUse => {
    const [own, itsPages] = only(text);
    return use(name, expect, own, acme, 'acme', itsPages);
  };
  const mistakable = mistakableTenant();
  const capital = key('capital', 'active', { tenant: mistakable });
  const [split, splitPages] = paged([capital], 32_768);
  const wrapped = wrappedIn(spec(), acme);
  return [
    use('key_in_the_first_page', 'success', document, one, one.tenant, pages),
    use('key_in_the_last_page', 'success', document, other, other.tenant, pages),
    use('key_in_the_first_bucket_of_a_page', 'success', document, all[3] as KeySpec, all[3]?.tenant, pages),
    ...all
      .filter(({ tenant }) => typeof tenant !== 'string')
      .map((each) =>
        use(`key_in_a_page_of_tenant_${String(each.tenant)}`, 'success', document, each, each.tenant, pages),
      ),
    use('key_in_a_page_of_a_tenant_with_capitals_and_hyphens', 'success', split, capital, mistakable, {
      [Object.keys(splitPages)[0] as string]: Object.values(splitPages)[0] as string,
    }),
    inPage('pre_active_key_in_a_page', 'success', [{ ...acme, state: 'pre-active' }]),
    inPage('suspended_key_in_a_page', 'suspended-key', [{ ...acme, state: 'suspended' }]),
    inPage('destroyed_key_in_a_page', 'destroyed-key', [{ ...acme, state: 'destroyed' }]),
    // Only the document says in which revision it is.
    inPage('key_in_a_page_added_in_a_revision_to_come', 'success', [{ ...acme, addedIn: 2 }]),
    use('key_in_a_page_of_another_tenant', 'key-of-another-tenant', document, one, other.tenant, pages),
    use('key_in_a_page_without_a_tenant', 'key-of-another-tenant', document, one, undefined, pages),
    use('key_in_no_page', 'unknown-key', document, SECOND, 'acme', pages),
    use('key_of_nobody_in_no_page', 'unknown-key', document, SECOND, undefined, pages),
    use('shared_key_without_the_pages', 'success', document, DATA),
    use('shared_key_for_a_tenant_without_the_pages', 'success', document, DATA, 'acme'),
    use('page_gone', 'keyring-damaged', document, one, one.tenant, { [high]: pages[high] as string }),
    use('page_gone_beside_the_one_asked', 'success', document, one, one.tenant, {
      [low]: pages[low] as string,
    }),
    use('page_with_another_hash', 'keyring-damaged', document, one, one.tenant, {
      ...pages,
      [low]: replaced(pages[low] as string, wrappedIn(spec(), one), tampered(wrappedIn(spec(), one))),
    }),
    use('page_with_another_hash_beside_the_one_asked', 'success', document, other, other.tenant, {
      ...pages,
      [low]: '[]',
    }),
    use('page_with_a_newline', 'keyring-damaged', document, one, one.tenant, {
      ...pages,
      [low]: `${pages[low]}\n`,
    }),
    use('pages_swapped', 'keyring-damaged', document, one, one.tenant, {
      [low]: pages[high] as string,
      [high]: pages[low] as string,
    }),
    use('page_of_an_earlier_revision', 'keyring-damaged', document, one, one.tenant, {
      ...pages,
      [low]: page(...all.slice(0, 3).map((each): KeySpec => ({ ...each, state: 'pre-active' }))),
    }),
    // From here on the page has the hash that the document names: who knows the root key has written it.
    ofText('page_empty', ''),
    ofText('page_no_json', 'page'),
    ofText('page_an_object', '{}'),
    ofText('page_null', 'null'),
    ofText('page_of_null', '[null]'),
    ofText('page_with_a_byte_order_mark', `\ufeff${page(acme)}`),
    ofText('page_with_a_trailing_newline', `${page(acme)}\n`),
    ofText('page_with_white_space', replaced(page(acme), '[{', '[ {')),
    ofText(
      'page_of_a_key_with_its_members_reordered',
      replaced(page(acme), '"kind":"data","tenant":"acme"', '"tenant":"acme","kind":"data"'),
    ),
    ofText(
      'page_of_a_key_with_a_doubled_member',
      replaced(page(acme), '"addedIn":1', '"addedIn":1,"addedIn":1'),
    ),
    ofText(
      'page_of_a_key_with_an_unknown_member',
      replaced(page(acme), '"addedIn":1', '"addedIn":1,"note":"x"'),
    ),
    ofText('page_of_a_key_without_a_tenant', page(acme, DATA)),
    ofText(
      'page_of_a_key_of_a_newer_state',
      replaced(page(acme), '"active"', '"archived"'),
      'keyring-format',
    ),
    ofText('page_of_a_key_tampered', replaced(page(acme), wrapped, tampered(wrapped))),
    inPage('page_of_two_active_keys_of_one_tenant', 'keyring-damaged', [
      acme,
      key('two', 'active', { tenant: 'acme' }),
    ]),
    inPage('page_of_one_key_twice', 'keyring-damaged', [acme, { ...acme, state: 'deactivated' }]),
    inPage('page_of_index_keys_that_share_a_token_prefix', 'keyring-damaged', [
      acme,
      key('one', 'destroyed', { kind: 'index', tenant: 'acme', commitment: random('documents/prefix', 32) }),
      key('two', 'destroyed', {
        kind: 'index',
        tenant: 'umbrella',
        commitment: sharing(random('documents/prefix', 32), 5),
      }),
    ]),
  ];
}

/** A tenant in the lower half of the buckets whose bucket would be in the upper one, were it spelled in any other way. */
function mistakableTenant(): string {
  const isLow = (tenant: string): boolean => bucketOf(tenant) < 32_768;
  const asIs = (tenant: string): number => createHash('sha256').update(utf8(tenant)).digest().readUInt16BE(0);
  for (let n = 0; ; n++) {
    const tenant = `\u00c4-A${n}`;
    const otherwise = [
      tenant,
      tenant.toLowerCase(),
      tenant.replace('-', ''),
      tenant.toLowerCase().replace('-', ''),
      tenant.replace('A', 'a'),
      tenant.toUpperCase().replace('-', ''),
    ];
    if (isLow(tenant) && otherwise.every((spelled) => asIs(spelled) >= 32_768)) return tenant;
  }
}

/** What a process that has read `seen` says of `found`. */
export function makeRefreshes(): RefreshCase[] {
  const first = spec();
  const after = (seen: DocumentSpec, more: Partial<DocumentSpec> = {}): DocumentSpec => ({
    ...seen,
    revision: seen.revision + 1,
    previous: payloadHash(utf8(payloadText(seen))),
    ...more,
  });
  const second = after(first, { keys: [DATA, INDEX, SECOND] });
  const third = after(second);
  const fork = after(first, { keys: [DATA, INDEX, ACME] });
  return [
    refresh('the_same', 'success', second, second),
    refresh('the_same_with_a_newline', 'success', second, second, { text: `${writeDocument(second)}\n` }),
    refresh('the_next', 'success', first, second),
    refresh('the_next_but_one', 'success', first, third),
    refresh('the_one_before', 'keyring-rolled-back', second, first),
    refresh('the_one_before_that', 'keyring-rolled-back', third, first),
    refresh('another_of_the_same_revision', 'keyring-rolled-back', second, fork),
    refresh('another_of_the_first_revision', 'keyring-rolled-back', first, spec({ keys: [DATA] })),
    refresh('the_next_of_another', 'keyring-rolled-back', fork, third),
    refresh('the_same_under_another_revision', 'keyring-damaged', second, second, { revision: 3 }),
    refresh('the_next_under_another_revision', 'keyring-damaged', first, second, { revision: 3 }),
    refresh('another_keyring', 'wrong-keyring', first, after(spec({ keyringId: 'kr_elsewhere' }))),
    refresh('the_next_with_an_altered_mac', 'keyring-damaged', first, second, {
      text: alteredMac(writeDocument(second)),
    }),
    refresh('the_next_with_its_slot_relabelled', 'success', first, {
      ...second,
      slots: [{ ...rawSlot('sl_service'), label: 'front office' }],
    }),
    // The root key is known: the slot is not needed.
    refresh('the_next_without_the_slot', 'success', first, {
      ...second,
      slots: [rawSlot('sl_other', OTHER_KEY)],
    }),
    refresh('the_next_is_no_document', 'keyring-damaged', first, second, { text: '{}' }),
    refresh('the_next_is_of_format_2', 'keyring-format', first, second, {
      text: edited(second, ['"format":1', '"format":2']),
    }),
    ...makeRootChanges(first, after),
  ];
}

const OTHER_KEY = random('documents/another-raw-key', 32);
const NEW_ROOT = random('documents/new-root-key', 32);
const SUCCESSOR = key('successor', 'pre-active', { addedIn: 2 });

function refresh(
  name: string,
  expect: RefreshCode,
  seen: DocumentSpec,
  found: DocumentSpec,
  more: { text?: string; revision?: number; unlock?: Unlock; renew?: Unlock } = {},
): RefreshCase {
  const { text = writeDocument(found), revision = found.revision, unlock = RAW, renew } = more;
  const before = writeDocument(seen);
  const outcome = readDocument(utf8(before), seen.revision, unlock);
  if (outcome.code !== 'success') throw new Error(`${name}: ${outcome.code}`);
  const code = readAgain(outcome.document, utf8(text), revision, renew);
  if (code !== expect) throw new Error(`${name}: ${code}, not ${expect}`);
  return {
    name,
    expect,
    ...jsonUnlock(unlock),
    ...(renew && { renew: jsonUnlock(renew) }),
    seen: { revision: seen.revision, document: before },
    found: { revision, document: text },
  };
}

/** Another process has changed the root key. */
function makeRootChanges(
  first: DocumentSpec,
  after: (seen: DocumentSpec, more?: Partial<DocumentSpec>) => DocumentSpec,
): RefreshCase[] {
  // What is kept gets another end to its id: the revision that brought the root key.
  const kept = rawSlot('sl_service_2');
  const [person, service] = [passphraseSlot('sl_person'), kmsSlot('sl_kms')];
  const [byPerson, byService] = [{ passphrase: PASSPHRASE }, { kms: [kmsEntry(service)] }];
  const everybody = spec({ slots: [rawSlot('sl_service'), person, service] });
  const keptPerson = { ...person, id: 'sl_person_2' };
  // The service has wrapped the same secret for the new id.
  const keptService = { ...service, id: 'sl_kms_2', wrappedSecret: random('documents/kms/sl_kms_2', 56) };
  const byServiceAnew = { kms: [kmsEntry(keptService)] };
  const changed = (seen: DocumentSpec, ...slots: readonly SlotSpec[]): DocumentSpec =>
    after(seen, {
      rootKey: NEW_ROOT,
      slots,
      keys: [DATA, INDEX, SUCCESSOR],
      change: { revision: seen.revision + 1, startedAt: CREATED_AT },
    });
  const fresh = rawSlot('sl_new_2', OTHER_KEY);
  const followed = changed(first, fresh, kept);
  const dropped = changed(first, fresh);
  const document = writeDocument(followed);
  const slotUnder = (rootKey: Uint8Array): string => slotText({ ...followed, rootKey }, kept);
  const wrapped = /"wrapped":"([^"]*)"/.exec(slotUnder(NEW_ROOT))?.[1] ?? '';
  const forged = random('documents/forged-root-key', 32);
  const fork = after(first);
  return [
    refresh('root_key_changed_slot_kept', 'success', first, followed),
    refresh('root_key_changed_slot_kept_and_the_next', 'success', first, after(followed)),
    refresh(
      'root_key_changed_passphrase_slot_kept',
      'success',
      everybody,
      changed(everybody, fresh, keptPerson),
      {
        unlock: byPerson,
      },
    ),
    refresh('root_key_changed_kms_slot_kept', 'success', everybody, changed(everybody, fresh, keptService), {
      unlock: byService,
    }),
    refresh('root_key_changed_slot_kept_and_relabelled', 'success', first, {
      ...followed,
      slots: [fresh, { ...kept, label: 'front office' }],
    }),
    // What is kept needs no new secret: none is looked at.
    refresh('root_key_changed_slot_kept_wrong_secret_given', 'success', first, followed, {
      renew: { rawKey: new Uint8Array(32) },
    }),
    refresh('root_key_changed_slot_dropped', 'keyring-rekeyed', first, dropped),
    refresh('root_key_changed_slot_dropped_and_the_next', 'keyring-rekeyed', first, after(dropped)),
    refresh('root_key_changed_no_slots', 'keyring-rekeyed', first, changed(first)),
    refresh(
      'root_key_changed_another_slot_of_that_id',
      'keyring-rekeyed',
      first,
      changed(first, rawSlot('sl_service_2', OTHER_KEY)),
    ),
    refresh('root_key_changed_slot_dropped_new_secret_given', 'success', first, dropped, {
      renew: { rawKey: OTHER_KEY },
    }),
    refresh(
      'root_key_changed_slot_dropped_passphrase_given',
      'success',
      first,
      changed(first, fresh, keptPerson),
      {
        renew: byPerson,
      },
    ),
    refresh('root_key_changed_slot_dropped_kms_given', 'success', first, changed(first, fresh, keptService), {
      renew: byServiceAnew,
    }),
    refresh('root_key_changed_slot_dropped_old_secret_given', 'wrong-secret', first, dropped, { renew: RAW }),
    refresh('root_key_changed_slot_dropped_no_secret_given', 'invalid-passphrase', first, dropped, {
      renew: {},
    }),
    refresh('root_key_changed_slot_dropped_two_secrets_given', 'invalid-passphrase', first, dropped, {
      renew: { ...byPerson, rawKey: OTHER_KEY },
    }),
    refresh(
      'root_key_changed_slot_dropped_ill_formed_passphrase_given',
      'invalid-passphrase',
      first,
      changed(first, person),
      {
        renew: { passphrase: 'a\ud800' },
      },
    ),
    refresh('root_key_changed_another_previous', 'keyring-rolled-back', first, {
      ...followed,
      previous: random('documents/previous', 32),
    }),
    refresh(
      'root_key_changed_another_previous_new_secret_given',
      'keyring-rolled-back',
      first,
      {
        ...dropped,
        previous: random('documents/previous', 32),
      },
      { renew: { rawKey: OTHER_KEY } },
    ),
    refresh('root_key_changed_stored_under_another_revision', 'keyring-damaged', first, followed, {
      revision: 3,
    }),
    refresh('root_key_changed_format_2', 'keyring-format', first, followed, {
      text: edited(followed, ['"format":1', '"format":2']),
    }),
    refresh(
      'root_key_changed_17_slots',
      'keyring-limit',
      first,
      changed(first, ...Array.from({ length: 17 }, (_, place) => rawSlot(`sl_${place}`))),
    ),
    refresh('root_key_changed_iterations_10_to_the_12', 'keyring-limit', first, followed, {
      text: edited(changed(first, person), ['"iterations":1000', '"iterations":1000000000000']),
      renew: byPerson,
    }),
    refresh('root_key_changed_altered_mac', 'keyring-damaged', first, followed, {
      text: alteredMac(document),
    }),
    refresh('root_key_changed_altered_mac_new_secret_given', 'keyring-damaged', first, dropped, {
      text: alteredMac(writeDocument(dropped)),
      renew: { rawKey: OTHER_KEY },
    }),
    refresh('root_key_changed_altered_mac_slot_dropped', 'keyring-rekeyed', first, dropped, {
      text: alteredMac(writeDocument(dropped)),
    }),
    refresh('root_key_changed_slot_tampered', 'keyring-damaged', first, followed, {
      text: edited(followed, [wrapped, tampered(wrapped)]),
    }),
    refresh('root_key_changed_two_active_keys', 'keyring-damaged', first, {
      ...followed,
      keys: [DATA, { ...SUCCESSOR, state: 'active' }],
    }),
    // Who knows no secret of the keyring can make a root key, and wrap it for nobody.
    refresh('forged_around_the_old_wrapping', 'keyring-damaged', first, followed, {
      text: edited({ ...followed, rootKey: forged }, [slotUnder(forged), slotUnder(first.rootKey)]),
    }),
    refresh('forged_with_a_slot_of_its_own', 'keyring-rekeyed', first, { ...dropped, rootKey: forged }),
    refresh(
      'forged_with_a_slot_of_its_own_secret_given',
      'wrong-secret',
      first,
      { ...dropped, rootKey: forged },
      {
        renew: RAW,
      },
    ),
    ...makeRootRevisions(first, after, { followed, dropped }),
    // An older document, put back.
    refresh('the_one_before_the_change', 'keyring-rolled-back', followed, first, { unlock: RAW }),
    refresh('the_one_before_the_change_under_a_revision_to_come', 'keyring-rolled-back', followed, first, {
      revision: 3,
    }),
    refresh('the_one_before_the_change_without_the_slot', 'keyring-rolled-back', dropped, first, {
      unlock: { rawKey: OTHER_KEY },
    }),
    refresh('the_one_before_the_change_secret_given', 'keyring-rolled-back', followed, first, { renew: RAW }),
    refresh('another_of_the_same_revision_under_the_old_root_key', 'keyring-rolled-back', followed, fork),
    refresh('the_next_of_another_under_the_old_root_key', 'keyring-rolled-back', followed, after(fork)),
    refresh('another_of_the_same_revision_under_a_new_root_key', 'keyring-rolled-back', fork, followed),
    refresh('another_keyring_of_other_secrets', 'wrong-keyring', first, {
      ...dropped,
      keyringId: 'kr_elsewhere',
    }),
    refresh(
      'an_older_revision_of_another_keyring',
      'wrong-keyring',
      followed,
      spec({ keyringId: 'kr_elsewhere' }),
    ),
    refresh('another_keyring_of_another_root_key', 'wrong-keyring', first, {
      ...followed,
      keyringId: 'kr_elsewhere',
    }),
  ];
}

/** Ends of slots' ids: who has an old copy has the old root key, and must not pass it off as a newer one's. */
function makeRootRevisions(
  first: DocumentSpec,
  after: (seen: DocumentSpec, more?: Partial<DocumentSpec>) => DocumentSpec,
  { followed, dropped }: { readonly followed: DocumentSpec; readonly dropped: DocumentSpec },
): RefreshCase[] {
  const old = { rootKey: first.rootKey, slots: [rawSlot('sl_service')], keys: [DATA, INDEX] };
  const third = { rootKey: random('documents/third-root-key', 32) };
  const withEnd = (revision: number, end: string, more: Partial<DocumentSpec> = {}): DocumentSpec =>
    spec({
      revision,
      previous: random('documents/previous', 32),
      slots: [rawSlot(`sl_service${end}`)],
      ...more,
    });
  const ninth = withEnd(9, '_9');
  const followsNinth = (end: string): DocumentSpec =>
    after(ninth, { ...third, slots: [rawSlot(`sl_service${end}`)] });
  return [
    refresh('old_root_key_in_the_next', 'keyring-rolled-back', followed, after(followed, old)),
    refresh(
      'old_root_key_in_the_next_but_one',
      'keyring-rolled-back',
      followed,
      after(after(followed, old), old),
    ),
    refresh('old_root_key_in_the_next_secret_given', 'keyring-rolled-back', dropped, after(dropped, old), {
      unlock: { rawKey: OTHER_KEY },
      renew: RAW,
    }),
    refresh('old_root_key_in_the_next_old_slot_renamed', 'keyring-damaged', followed, after(followed), {
      // D covers the id: the commitment can be made anew by nobody who does not know the slot's secret.
      text: edited({ ...after(followed, old), rootKey: first.rootKey }, [
        slotText({ ...followed, rootKey: first.rootKey }, rawSlot('sl_service')),
        wrappedOf(followed, first.rootKey),
      ]),
    }),
    refresh(
      'root_key_changed_again',
      'success',
      followed,
      after(followed, { ...third, slots: [rawSlot('sl_service_3')] }),
    ),
    refresh('root_key_changed_from_9_to_10', 'success', ninth, followsNinth('_10')),
    refresh('root_key_changed_from_9_to_8', 'keyring-rolled-back', ninth, followsNinth('_8')),
    refresh('root_key_changed_from_9_to_none', 'keyring-rolled-back', ninth, followsNinth('')),
    refresh('root_key_changed_end_with_a_leading_zero', 'keyring-rekeyed', ninth, followsNinth('_010')),
    refresh('root_key_changed_end_of_0', 'keyring-rekeyed', ninth, followsNinth('_0')),
    refresh('root_key_changed_end_of_16_digits', 'success', ninth, followsNinth('_9007199254740991')),
    refresh(
      'root_key_changed_end_of_17_digits',
      'keyring-rekeyed',
      ninth,
      followsNinth('_10000000000000000'),
    ),
    refresh('root_key_changed_two_ends', 'keyring-rekeyed', ninth, followsNinth('_9_10')),
  ];
}

/** The slot that is kept, around a root key of somebody who knows the old one alone: the commitment is the true one. */
function wrappedOf(followed: DocumentSpec, rootKey: Uint8Array): string {
  const [own, other] = [
    slotText(followed, rawSlot('sl_service_2')),
    slotText({ ...followed, rootKey }, rawSlot('sl_service')),
  ];
  const wrapped = (slot: string): string => /"wrapped":"([^"]*)"/.exec(slot)?.[1] ?? '';
  return replaced(own, wrapped(own), wrapped(other));
}

function wrappedIn(given: DocumentSpec, used: KeySpec): string {
  return /"wrapped":"([^"]*)"/.exec(keyText(given, used))?.[1] ?? '';
}

function tampered(encoded: string): string {
  return `${encoded.slice(0, 40)}${encoded[40] === 'A' ? 'B' : 'A'}${encoded.slice(41)}`;
}

function alteredMac(document: string): string {
  const mac = /"mac":"([^"]*)"/.exec(document)?.[1] ?? '';
  return replaced(document, mac, tampered(mac));
}
