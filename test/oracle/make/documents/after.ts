/** What comes after opening: a key's first use, and reading the keyring again. */
import { base32, hex, utf8 } from '../../bytes.js';
import { keyCommitment, keyId } from '../../cell.js';
import type { Part } from '../../context.js';
import {
  type DocumentSpec,
  type KeySpec,
  keyText,
  payloadHash,
  payloadText,
  writeDocument,
} from '../../keyring-document.js';
import { random } from '../shared.js';
import {
  DATA,
  INDEX,
  type KeyUse,
  RAW_KEY,
  type RefreshCase,
  edited,
  jsonPart,
  key,
  rawSlot,
  replaced,
  spec,
} from './shared.js';

const rawKey = hex(RAW_KEY);
const SECOND = key('second', 'deactivated');
const ACME = key('acme', 'active', { tenant: 'acme' });

/** Data keys at their first use. */
export function makeUses(): KeyUse[] {
  const use = (
    name: string,
    expect: KeyUse['expect'],
    document: string,
    used: KeySpec,
    tenant?: Part,
  ): KeyUse => ({
    name,
    expect,
    revision: 1,
    rawKey,
    keyId: base32(keyId(used.kind, used.key)),
    ...(tenant !== undefined && { tenant: jsonPart(tenant) }),
    document,
  });
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
    use(
      'wrapped_key_tampered_beside_the_one_used',
      'success',
      edited(two, [wrapped, tampered(wrapped)]),
      SECOND,
    ),
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
  ];
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
  const refresh = (
    name: string,
    expect: RefreshCase['expect'],
    seen: DocumentSpec,
    found: DocumentSpec,
    more: { text?: string; revision?: number } = {},
  ): RefreshCase => ({
    name,
    expect,
    rawKey,
    seen: { revision: seen.revision, document: writeDocument(seen) },
    found: { revision: more.revision ?? found.revision, document: more.text ?? writeDocument(found) },
  });
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
    refresh('another_keyring', 'keyring-damaged', first, after(spec({ keyringId: 'kr_elsewhere' }))),
    refresh(
      'another_root_key',
      'keyring-damaged',
      first,
      after(first, { rootKey: random('root', 32), slots: [rawSlot('sl_service')] }),
    ),
    refresh('the_next_altered', 'keyring-damaged', first, second, {
      text: alteredMac(writeDocument(second)),
    }),
  ];
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
