/** Documents that open. */
import { base32, hex, utf8 } from '../../bytes.js';
import { keyId } from '../../cell.js';
import {
  type DocumentSpec,
  type KeySpec,
  type SlotSpec,
  type Unlock,
  payloadHash,
  payloadText,
  readDocument,
  writeDocument,
} from '../../keyring-document.js';
import { random } from '../shared.js';
import {
  CREATED_AT,
  DATA,
  INDEX,
  type JsonDocument,
  type JsonKey,
  type OpeningCase,
  PASSPHRASE,
  RAW_KEY,
  bytesOfDocument,
  generated,
  generatedSlot,
  jsonPart,
  jsonUnlock,
  key,
  kmsEntry,
  kmsSlot,
  page,
  pageOf,
  passphraseSlot,
  rawSlot,
  spec,
} from './shared.js';

const RAW: Unlock = { rawKey: RAW_KEY };
const PERSON: Unlock = { passphrase: PASSPHRASE };

/** `{"a":{"a":…}}`: so many objects, one in the other. */
export function nested(levels: number): string {
  return `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;
}

/** A document of exactly so many bytes, by an extension of that length. */
export function documentOfLength(bytes: number): { spec: DocumentSpec; document: JsonDocument } {
  const around = writeDocument(spec({ extensions: '{"filler":""}' })).length;
  for (let times = Math.floor(((bytes - around) * 3) / 4) - 8; ; times++) {
    const filled = spec({ extensions: `{"filler":"${'x'.repeat(times)}"}` });
    const text = writeDocument(filled);
    if (text.length > bytes) throw new Error(`no document has ${bytes} bytes`);
    if (text.length === bytes) return { spec: filled, document: shortened(text) };
  }
}

/** A text with one long run of `eHh4` (three times x) in it. */
function shortened(text: string): JsonDocument {
  const run = /(?:eHh4){100,}|(?:Hh4e){100,}|(?:h4eH){100,}|(?:4eHh){100,}/.exec(text);
  if (run === null) return text;
  const [filler] = run;
  const end = run.index + filler.length;
  return {
    parts: [
      [text.slice(0, run.index), 1],
      [filler.slice(0, 4), filler.length / 4],
      [text.slice(end), 1],
    ],
  };
}

function jsonKeys(keys: readonly KeySpec[]): JsonKey[] {
  return keys.map((given) => ({
    keyId: base32(given.commitment?.subarray(0, 16) ?? keyId(given.kind, given.key)),
    kind: given.kind,
    ...(given.tenant !== undefined && { tenant: jsonPart(given.tenant) }),
    state: given.state,
    createdAt: given.createdAt,
    addedIn: given.addedIn,
    ...given.marks,
    ...(given.state !== 'destroyed' && { key: hex(given.key) }),
  }));
}

function opens(
  name: string,
  given: DocumentSpec,
  unlock: Unlock,
  document: JsonDocument = writeDocument(given),
): OpeningCase {
  const outcome = readDocument(bytesOfDocument(document), given.revision, unlock);
  if (outcome.code !== 'success') throw new Error(`${name}: ${outcome.code}`);
  const payload = payloadText(given);
  return {
    name,
    ...jsonUnlock(unlock),
    keyringId: given.keyringId,
    revision: given.revision,
    previous: given.previous === undefined ? null : hex(given.previous),
    rootKey: hex(given.rootKey),
    keys: jsonKeys(given.keys),
    document,
    ...(payload.length < 20_000 && { payload }),
  };
}

export function makeOpening(): OpeningCase[] {
  const first = spec();
  const previous = payloadHash(utf8(payloadText(first)));
  const two = spec({ revision: 2, previous, keys: [DATA, INDEX, key('second', 'pre-active')] });
  const three = [passphraseSlot('sl_first'), rawSlot('sl_service'), passphraseSlot('sl_second', 'swordfish')];
  const sixteen = Array.from({ length: 16 }, (_, place) =>
    rawSlot(`sl_${place}`, random(`documents/raw-key/${place}`, 32)),
  );
  const plain = writeDocument(first);
  return [
    opens('raw_slot', first, RAW),
    opens('passphrase_slot', spec({ slots: [passphraseSlot('sl_person')] }), PERSON),
    opens('three_slots_by_the_first', spec({ slots: three }), PERSON),
    opens('three_slots_by_the_second', spec({ slots: three }), RAW),
    opens('three_slots_by_the_third', spec({ slots: three }), { passphrase: 'swordfish' }),
    opens('sixteen_slots_by_the_last', spec({ slots: sixteen }), {
      rawKey: random('documents/raw-key/15', 32),
    }),
    opens('passphrase_spelled_otherwise', spec({ slots: [passphraseSlot('sl_person', 'Zoë Straße')] }), {
      passphrase: 'Zoe\u0308\u00a0Straße',
    }),
    opens(
      'slot_of_10000000_iterations_beside_the_one_asked',
      spec({
        slots: [
          { ...passphraseSlot('sl_slow', PASSPHRASE, 10_000_000), secret: random('documents/secret', 32) },
          rawSlot('sl_service'),
        ],
      }),
      RAW,
    ),
    opens('revision_2', two, RAW),
    opens(
      'largest_revision',
      spec({ revision: Number.MAX_SAFE_INTEGER, previous: random('documents/previous', 32) }),
      RAW,
    ),
    opens('no_keys', spec({ keys: [] }), RAW),
    opens('no_active_keys', spec({ keys: [key('old', 'deactivated')] }), RAW),
    opens(
      'all_six_states',
      spec({
        keys: [
          key('state-0', 'pre-active'),
          DATA,
          key('state-2', 'deactivated'),
          key('state-3', 'suspended'),
          key('state-4', 'compromised'),
          key('state-5', 'destroyed'),
          INDEX,
          key('state-6', 'deactivated', { kind: 'index' }),
          key('state-7', 'destroyed', { kind: 'index' }),
        ],
      }),
      RAW,
    ),
    opens('what_is_said_of_keys', spec({ keys: [DATA, INDEX, ...markedKeys()] }), RAW),
    opens(
      'tenants_of_all_three_types',
      spec({
        keys: [
          DATA,
          INDEX,
          key('tenant-0', 'active', { tenant: 'acme' }),
          key('tenant-1', 'active', { tenant: 'acme', kind: 'index' }),
          key('tenant-2', 'active', { tenant: 7n }),
          key('tenant-3', 'active', { tenant: 0n }),
          key('tenant-4', 'active', { tenant: -12345678901234567890n }),
          key('tenant-5', 'active', { tenant: Uint8Array.of(0, 255, 1) }),
          key('tenant-6', 'destroyed', { tenant: 'gone' }),
        ],
      }),
      RAW,
    ),
    opens(
      'tenants_that_look_alike',
      spec({
        keys: [
          DATA,
          INDEX,
          key('alike-0', 'active', { tenant: '7' }),
          key('alike-1', 'active', { tenant: 7n }),
          key('alike-2', 'active', { tenant: Uint8Array.of(0x37) }),
          key('alike-3', 'active', { tenant: '\u00e9' }),
          key('alike-4', 'active', { tenant: 'e\u0301' }),
        ],
      }),
      RAW,
    ),
    opens(
      'tenants_with_characters_that_json_escapes',
      spec({
        keys: [
          key('escape-0', 'active', { tenant: '"\\/\b\f\n\r\t\u0000\u001f\u007f\u2028\u2029\ufeff' }),
          key('escape-1', 'active', { tenant: '{"integer":"7"}' }),
          key('escape-2', 'active', { tenant: '__proto__' }),
          key('escape-3', 'active', { tenant: '\u{1f511}' }),
        ],
      }),
      RAW,
    ),
    opens(
      'longest_tenants',
      spec({
        keys: [
          key('long-0', 'active', { tenant: 'é'.repeat(512) }),
          key('long-1', 'active', { tenant: -(10n ** 1022n) }),
          key('long-2', 'active', { tenant: random('documents/tenant', 1024) }),
        ],
      }),
      RAW,
    ),
    opens('shortest_ids', spec({ keyringId: 'k', slots: [rawSlot('-')] }), RAW),
    opens('longest_ids', spec({ keyringId: `${'K_-9'.repeat(16)}`, slots: [rawSlot('s'.repeat(64))] }), RAW),
    opens(
      'times_far_away',
      spec({
        keys: [
          key('time-0', 'deactivated', { createdAt: '1970-01-01T00:00:00.000Z' }),
          key('time-1', 'deactivated', { createdAt: '0000-02-29T23:59:59.999Z' }),
          key('time-2', 'deactivated', { createdAt: '+275760-09-13T00:00:00.000Z' }),
          key('time-3', 'deactivated', { createdAt: '-271821-04-20T00:00:00.000Z' }),
        ],
      }),
      RAW,
    ),
    opens(
      'data_keys_and_index_keys_may_share_a_token_prefix',
      spec({
        keys: [
          key('prefix-0', 'destroyed', { kind: 'index', commitment: random('documents/prefix', 32) }),
          key('prefix-1', 'destroyed', { commitment: sharing(random('documents/prefix', 32), 5) }),
          key('prefix-2', 'destroyed', { commitment: sharing(random('documents/prefix', 32), 6) }),
        ],
      }),
      RAW,
    ),
    opens(
      'index_keys_that_share_seven_characters',
      spec({
        keys: [
          key('prefix-0', 'destroyed', { kind: 'index', commitment: random('documents/prefix', 32) }),
          key('prefix-3', 'destroyed', {
            kind: 'index',
            commitment: flippedBit(sharing(random('documents/prefix', 32), 5), 39),
          }),
        ],
      }),
      RAW,
    ),
    opens(
      'extensions',
      spec({
        extensions:
          '{"0":0,"10":"ten","4294967294":4294967294,"b":null,"a":[true,false,[],{}],"4294967295":-1.5,"-1":1e+21,"01":1e-7,' +
          '"toJSON":"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\\ud800é\u2028\u{1f511}","constructor":{"prototype":{}},"":0}',
      }),
      RAW,
    ),
    opens('extensions_64_levels_deep', spec({ extensions: nested(64) }), RAW),
    ...withSlots(),
    ...withGeneratedPassphrases(),
    ...withTheRest(previous),
    opens('final_newline', first, RAW, `${plain}\n`),
    opens('final_carriage_return_and_newline', first, RAW, `${plain}\r\n`),
    opens('final_carriage_return', first, RAW, `${plain}\r`),
    opensLong('document_of_1_mib', 1_048_576),
  ];
}

/** Everything that an entry may say, alone and together, in every state that may say it. */
function markedKeys(): KeySpec[] {
  const compromisedAt = '2026-02-01T00:00:00.000Z';
  const emptySince = '2026-02-02T00:00:00.000Z';
  const destroyAfter = '2026-03-04T00:00:00.000Z';
  const destroyReason = 'customer left: "acme", 2026';
  const all = { compromisedAt, emptySince, destroyAfter, destroyReason };
  const given: [KeySpec['state'], NonNullable<KeySpec['marks']>][] = [
    ['deactivated', { emptySince }],
    ['compromised', { compromisedAt }],
    ['compromised', { emptySince }],
    ['compromised', { compromisedAt, emptySince }],
    ['suspended', { compromisedAt }],
    ['suspended', { emptySince }],
    ['suspended', { destroyAfter }],
    ['suspended', { destroyAfter, destroyReason }],
    ['suspended', all],
    ['suspended', { ...all, destroyReason: '\u{1f511}'.repeat(64) }],
    [
      'suspended',
      { compromisedAt: destroyAfter, emptySince: '+275760-09-13T00:00:00.000Z', destroyAfter: emptySince },
    ],
    ['destroyed', { compromisedAt }],
    ['destroyed', { destroyReason: '-' }],
    ['destroyed', { compromisedAt, destroyReason }],
  ];
  const kinds = ['data', 'index'] as const;
  return given.map(([state, marks], place) =>
    key(`marked-${place}`, state, {
      marks,
      kind: kinds[place % 2 ? 1 : 0],
      ...(place % 3 === 0 && { tenant: 'acme' }),
    }),
  );
}

/** Labels, key management services, norms. */
function withSlots(): OpeningCase[] {
  const kms = kmsSlot('sl_kms');
  const service: Unlock = { kms: [kmsEntry(kms)] };
  const [other, largest] = [kmsSlot('sl_other'), kmsSlot('sl_largest', 8192)];
  const allTypes = [passphraseSlot('sl_person'), kms, rawSlot('sl_service')];
  const labelled = (label: string): DocumentSpec => spec({ slots: [{ ...rawSlot('sl_service'), label }] });
  const ofNorm = (id: string, norm: string): SlotSpec => ({
    ...passphraseSlot(id),
    norm,
    secret: random(`documents/secret/${id}`, 32),
  });
  const generatedNorms = [
    ofNorm('sl_base32', 'crockford-1'),
    ofNorm('sl_unicode', 'cjk-1'),
    ofNorm('sl_words', 'words-1'),
  ];
  return [
    opens('kms_slot', spec({ slots: [kms] }), service),
    opens('kms_slot_with_the_shortest_names', spec({ slots: [{ ...kmsSlot('s', 1), keyName: 'k' }] }), {
      kms: [kmsEntry(kmsSlot('s', 1))],
    }),
    opens(
      'kms_slot_with_the_longest_names',
      spec({ slots: [{ ...largest, keyName: '\u{1f511}'.repeat(256) }] }),
      { kms: [kmsEntry(largest)] },
    ),
    opens('slots_of_all_types_by_a_kms', spec({ slots: allTypes }), service),
    opens('slots_of_all_types_by_a_passphrase', spec({ slots: allTypes }), PERSON),
    opens('slots_of_all_types_by_a_raw_key', spec({ slots: allTypes }), RAW),
    opens('kms_slot_after_one_that_is_refused', spec({ slots: [other, kms] }), service),
    opens('kms_slot_after_one_that_gives_another_secret', spec({ slots: [other, kms] }), {
      kms: [{ ...kmsEntry(other), secret: random('documents/kms', 32) }, kmsEntry(kms)],
    }),
    opens('label', labelled('front office, 2nd floor'), RAW),
    opens('label_of_128_units', labelled('\u{1f511}'.repeat(64)), RAW),
    opens('label_with_escapes_and_separators', labelled('"\\/ \u00a0\u2028\u200b\ue000\u0301'), RAW),
    opens(
      'slot_made_far_away',
      spec({ slots: [{ ...rawSlot('sl_service'), createdAt: '-000001-12-31T23:59:59.999Z' }] }),
      RAW,
    ),
    opens(
      'slots_of_all_norms_by_a_raw_key',
      spec({ slots: [...generatedNorms, rawSlot('sl_service')] }),
      RAW,
    ),
    opens(
      'slots_of_norms_that_refuse_the_passphrase',
      spec({ slots: [...generatedNorms, passphraseSlot('sl_person')] }),
      PERSON,
    ),
  ];
}

/** Slots of generated passphrases. */
function withGeneratedPassphrases(): OpeningCase[] {
  const names = ['base32_drawn', 'unicode_drawn', 'words_drawn', 'words_24_drawn'];
  const all = names.map((name) => generatedSlot(`sl_${name}`, name));
  const by = (passphrase: string): Unlock => ({ passphrase });
  const own = (passphrase: string): DocumentSpec =>
    spec({ slots: [generatedSlot('sl_generated', 'base32_in_order'), passphraseSlot('sl_own', passphrase)] });
  const { passphrase: base32Drawn } = generated('base32_drawn');
  const { passphrase: damaged } = generated('base32_drawn_first_symbol_another');
  return [
    ...names.map((name, place) =>
      opens(
        `generated_passphrase_${name}`,
        spec({ slots: [all[place] as SlotSpec] }),
        by(generated(name).passphrase),
      ),
    ),
    ...names.map((name) =>
      opens(
        `slots_of_every_norm_by_${name}`,
        spec({ slots: [passphraseSlot('sl_person'), ...all] }),
        by(generated(name).passphrase),
      ),
    ),
    opens(
      'generated_passphrase_spelled_otherwise',
      spec({ slots: [generatedSlot('sl_generated', 'base32_drawn')] }),
      by(` ${base32Drawn.toLowerCase().replaceAll('-', '').replaceAll('0', 'o').replaceAll('1', 'l')}\n`),
    ),
    opens(
      'words_spelled_otherwise',
      spec({ slots: [generatedSlot('sl_generated', 'words_drawn')] }),
      by(generated('words_drawn').passphrase.toUpperCase().replaceAll(' ', '\t\u3000')),
    ),
    // What a slot was made of opens it, whatever it looks like.
    opens('generated_passphrase_as_a_persons_own', own(base32Drawn), by(base32Drawn)),
    opens('damaged_passphrase_as_a_persons_own', own(damaged), by(damaged)),
  ];
}

/** Policies, changes of the root key, revisions of keys, pages. */
function withTheRest(previous: Uint8Array): OpeningCase[] {
  const second = (more: Partial<DocumentSpec>): DocumentSpec => spec({ revision: 2, previous, ...more });
  const policy = (name: string, text: string): OpeningCase => opens(name, spec({ policy: text }), RAW);
  const [low, high] = [page(key('tenant-0', 'active', { tenant: 'acme' })), page()];
  return [
    policy('policy_of_one_rule', '{"maxCellsPerKey":1000000}'),
    policy('hold_of_the_least', '{"holdMs":0}'),
    policy('hold_of_the_most_behind_another_rule', '{"cryptoperiodDays":1,"holdMs":31536000000}'),
    policy('policy_of_the_least', '{"maxStaleMs":1000,"maxCellsPerKey":65536,"cryptoperiodDays":1}'),
    policy(
      'policy_of_the_most',
      '{"maxStaleMs":2592000000,"maxCellsPerKey":281474976710656,"cryptoperiodDays":36500}',
    ),
    opens('change_of_this_revision', second({ change: { revision: 2, startedAt: CREATED_AT } }), RAW),
    opens(
      'change_that_names_the_pages_it_has_replaced',
      second({
        pages: [pageOf('only', 0, low)],
        change: { revision: 2, startedAt: CREATED_AT, pages: ['before', 'BEFORE-2'] },
      }),
      RAW,
    ),
    opens('change_of_the_first_revision', spec({ change: { revision: 1, startedAt: CREATED_AT } }), RAW),
    opens(
      'keys_of_several_revisions',
      second({ keys: [{ ...DATA, addedIn: 2 }, INDEX, key('second', 'pre-active', { addedIn: 2 })] }),
      RAW,
    ),
    opens('one_page', spec({ pages: [pageOf('only', 0, low)] }), RAW),
    opens(
      'pages_of_one_bucket_each_at_both_ends',
      spec({ pages: [pageOf('first', 0, low), pageOf('middle', 1, high), pageOf('last', 65_535, high)] }),
      RAW,
    ),
    opens('pages_beside_no_keys', spec({ keys: [], pages: [pageOf('only', 0, low)] }), RAW),
  ];
}

function opensLong(name: string, bytes: number): OpeningCase {
  const { spec: given, document } = documentOfLength(bytes);
  return opens(name, given, RAW, document);
}

/** Other bytes, but for so many at the beginning. */
export function sharing(bytes: Uint8Array, first: number): Uint8Array {
  const shared = Uint8Array.from(bytes, (byte) => byte ^ 0xff);
  shared.set(bytes.subarray(0, first));
  return shared;
}

/** The bytes with one bit flipped, counted from the left. */
export function flippedBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (0x80 >> (bit & 7));
  return flipped;
}
