/** Documents that are refused, one fault each. */
import { base64url, concat, hex, uint, utf8 } from '../../bytes.js';
import { type KeyState, keyCommitment } from '../../cell.js';
import { keyringMac } from '../../keyring.js';
import {
  type DocumentCode,
  type DocumentSpec,
  type Unlock,
  joinDocument,
  keyText,
  pageText,
  payloadHash,
  payloadText,
  sealPayload,
  slotText,
  writeDocument,
} from '../../keyring-document.js';
import { random } from '../shared.js';
import { documentOfLength, flippedBit, nested, sharing } from './opening.js';
import {
  CREATED_AT,
  DATA,
  INDEX,
  type JsonDocument,
  PASSPHRASE,
  RAW_KEY,
  type RefusedDocument,
  SLOT_CREATED_AT,
  bytesOfDocument,
  edited,
  generated,
  generatedSlot,
  jsonUnlock,
  key,
  kmsEntry,
  kmsSlot,
  mustBe,
  pageOf,
  passphraseSlot,
  rawSlot,
  replaced,
  spec,
} from './shared.js';

type Refusal = Exclude<DocumentCode, 'success'>;

const RAW: Unlock = { rawKey: RAW_KEY };
const PERSON: Unlock = { passphrase: PASSPHRASE };
const OTHER: Unlock = { rawKey: random('documents/another-raw-key', 32) };
const base = spec();
const plain = writeDocument(base);
const text = payloadText(base);
const personal = spec({ slots: [passphraseSlot('sl_person')] });

function refused(
  name: string,
  expect: Refusal,
  document: JsonDocument,
  unlock: Unlock = RAW,
  revision = 1,
): RefusedDocument {
  mustBe(name, expect, bytesOfDocument(document), revision, unlock);
  return { name, expect, revision, ...jsonUnlock(unlock), document };
}

const damaged = (name: string, document: JsonDocument, revision = 1): RefusedDocument =>
  refused(name, 'keyring-damaged', document, RAW, revision);

/** A payload with one part replaced, under its own MAC. */
const edit = (name: string, part: string, by: string, expect: Refusal = 'keyring-damaged'): RefusedDocument =>
  refused(name, expect, edited(base, [part, by]));

/** The same of the document with a passphrase slot. */
const editPersonal = (name: string, part: string, by: string, expect: Refusal = 'keyring-damaged') =>
  refused(name, expect, edited(personal, [part, by]), PERSON);

/** Any payload, under its own MAC. */
const sealed = (name: string, payload: string, expect: Refusal = 'keyring-damaged'): RefusedDocument =>
  refused(name, expect, sealPayload(base.rootKey, base.keyringId, utf8(payload)));

const sealedSpec = (name: string, more: Partial<DocumentSpec>): RefusedDocument =>
  damaged(name, writeDocument(spec(more)), more.revision);

export function makeRefusedDocuments(): RefusedDocument[] {
  return [
    ...outer(),
    ...payloads(),
    ...payloadMembers(),
    ...slots(),
    ...labels(),
    ...kmsSlots(),
    ...keys(),
    ...pages(),
    ...changes(),
    ...policies(),
    ...tenants(),
    ...extensions(),
    ...macs(),
    ...secrets(),
    ...generatedPassphrases(),
    ...contradictions(),
  ];
}

function outer(): RefusedDocument[] {
  const [payload, mac] = [sealedIn(plain, '"payload":"'), sealedIn(plain, '"mac":"')];
  const start = '{"payload":"';
  const [before, after] = [`${start}${payload}","mac":"`, '"}'];
  const long = documentOfLength(1_048_577).document;
  return [
    damaged('empty_document', ''),
    damaged('no_json', 'keyring'),
    damaged('outer_object_without_a_mac', `${start}${payload}"}`),
    damaged('outer_object_without_a_payload', `{"mac":"${mac}"}`),
    damaged('outer_members_reordered', `{"mac":"${mac}","payload":"${payload}"}`),
    damaged('outer_unknown_member', `${before}${mac}","note":"x"}`),
    damaged('outer_doubled_member', `{"mac":"${mac}",${plain.slice(1)}`),
    damaged('outer_proto_member', `${before}${mac}","__proto__":{}}`),
    damaged('outer_escaped_member_name', `{"\\u0070ayload":"${payload}","mac":"${mac}"}`),
    damaged('outer_escaped_character', `${start}\\u0065${payload.slice(1)}","mac":"${mac}"}`),
    damaged('outer_white_space', plain.replace('","mac"', '", "mac"')),
    damaged('leading_white_space', ` ${plain}`),
    damaged('trailing_space', `${plain} `),
    damaged('two_final_newlines', `${plain}\n\n`),
    damaged('newline_before_carriage_return', `${plain}\n\r`),
    damaged('leading_byte_order_mark', { hex: `efbbbf${hex(utf8(plain))}` }),
    damaged('utf_16', { hex: Buffer.from(plain, 'utf16le').toString('hex') }),
    damaged('trailing_nul', `${plain}\0`),
    damaged('trailing_document', `${plain}${plain}`),
    damaged('document_no_utf_8', { hex: `${hex(utf8(plain))}ff` }),
    damaged('empty_payload', `${start}","mac":"${mac}"}`),
    damaged('payload_with_padding', `${start}${payload}=","mac":"${mac}"}`),
    damaged(
      'payload_of_impossible_length',
      withPayload(
        (encoded) => encoded.length % 4 === 0,
        (encoded) => `${encoded}A`,
      ),
    ),
    damaged(
      'payload_with_stray_bits',
      withPayload((encoded) => encoded.length % 4 !== 0, withStrayBit),
    ),
    damaged(
      'payload_in_the_alphabet_of_base64',
      withPayload((encoded) => /[-_]/.test(encoded), inBase64),
    ),
    damaged('empty_mac', `${before}${after}`),
    damaged('mac_of_31_bytes', `${before}${base64url(random('mac', 31))}${after}`),
    damaged('mac_of_33_bytes', `${before}${base64url(concat(macOf(base), Uint8Array.of(0)))}${after}`),
    damaged('mac_with_padding', `${before}${mac}=${after}`),
    damaged('mac_with_stray_bits', `${before}${withStrayBit(mac)}${after}`),
    refused('over_1_mib', 'keyring-limit', long),
    refused('1_mib_and_a_newline', 'keyring-limit', withNewline(documentOfLength(1_048_576).document)),
    refused('over_1_mib_of_nothing', 'keyring-limit', { parts: [['\0', 1_048_577]] }),
  ];
}

function payloads(): RefusedDocument[] {
  const raw = (name: string, payload: Uint8Array): RefusedDocument =>
    damaged(name, sealPayload(base.rootKey, base.keyringId, payload));
  return [
    raw('payload_no_utf_8', concat(utf8(`${text.slice(0, -2)}"a":"`), Uint8Array.of(0xff), utf8('"}}'))),
    raw('payload_with_a_byte_order_mark', concat(Uint8Array.of(0xef, 0xbb, 0xbf), utf8(text))),
    raw('payload_in_utf_16', Uint8Array.from(Buffer.from(text, 'utf16le'))),
    sealed('payload_truncated', text.slice(0, -1)),
    sealed('payload_no_json', 'keyring'),
    sealed('payload_a_list', `[${text}]`),
    sealed('payload_null', 'null'),
    sealed('payload_a_string', JSON.stringify(text)),
    sealed('payload_a_number', '1'),
    edit('format_2', '"format":1', '"format":2', 'keyring-format'),
    edit('format_2_with_members_of_its_own', '"format":1', '"format":2,"more":{}', 'keyring-format'),
    edit('format_0', '"format":1', '"format":0', 'keyring-format'),
    edit('format_a_text', '"format":1', '"format":"1"'),
    edit('format_true', '"format":1', '"format":true'),
    edit('format_missing', '"format":1,', ''),
    edit('format_spelled_1_0', '"format":1', '"format":1.0'),
    edit('white_space', '"format":1,', '"format":1, '),
    edit('white_space_before_a_colon', '"format":1', '"format" :1'),
    sealed('leading_newline', `\n${text}`),
    sealed('trailing_newline', `${text}\n`),
    sealed('pretty_printed', JSON.stringify(JSON.parse(text), null, 1)),
    edit('unknown_member', '"policy":{}', '"policy":{},"note":"x"'),
    edit('doubled_member', '"revision":1', '"revision":1,"revision":1'),
    edit('doubled_member_of_two_values', '"revision":1', '"revision":9,"revision":1'),
    edit('proto_member', '"policy":{}', '"policy":{},"__proto__":{}'),
    edit('proto_instead_of_a_member', '"policy":{}', '"__proto__":{}'),
    edit('escaped_proto_member', '"policy":{}', '"policy":{},"\\u005f_proto__":{}'),
    edit('reordered_members', '"format":1,"keyringId":"kr_vectors"', '"keyringId":"kr_vectors","format":1'),
    edit('escaped_member_name', '"revision"', '"\\u0072evision"'),
    edit('escaped_value', '"kr_vectors"', '"kr_vector\\u0073"'),
  ];
}

function payloadMembers(): RefusedDocument[] {
  const second = spec({ revision: 2, previous: payloadHash(utf8(text)) });
  return [
    edit('keyring_id_missing', '"keyringId":"kr_vectors",', ''),
    edit('keyring_id_empty', '"kr_vectors"', '""'),
    edit('keyring_id_of_65_characters', '"kr_vectors"', `"${'k'.repeat(65)}"`),
    edit('keyring_id_with_a_dot', '"kr_vectors"', '"kr.vectors"'),
    edit('keyring_id_beyond_ascii', '"kr_vectors"', '"kr_véctors"'),
    edit('keyring_id_with_a_newline', '"kr_vectors"', '"kr_vectors\\n"'),
    edit('keyring_id_a_number', '"kr_vectors"', '7'),
    edit('revision_missing', '"revision":1,', ''),
    damaged('revision_0', edited(base, ['"revision":1', '"revision":0']), 0),
    damaged('revision_minus_1', edited(base, ['"revision":1', '"revision":-1']), -1),
    damaged('revision_minus_0', edited(base, ['"revision":1', '"revision":-0']), 0),
    damaged('revision_a_fraction', edited(base, ['"revision":1', '"revision":1.5']), 1.5),
    edit('revision_spelled_1_0', '"revision":1', '"revision":1.0'),
    edit('revision_spelled_1e0', '"revision":1', '"revision":1e0'),
    edit('revision_a_text', '"revision":1', '"revision":"1"'),
    edit('revision_null', '"revision":1', '"revision":null'),
    damaged(
      'revision_too_large_to_be_exact',
      edited(second, ['"revision":2', '"revision":9007199254740992']),
      9007199254740992,
    ),
    edit('previous_missing', '"previous":null,', ''),
    damaged(
      'previous_missing_in_revision_2',
      edited(second, [/"previous":"[^"]*",/.exec(payloadText(second))?.[0] ?? '', '']),
      2,
    ),
    damaged('no_previous_in_revision_2', edited(base, ['"revision":1', '"revision":2']), 2),
    edit('previous_in_revision_1', '"previous":null', `"previous":"${base64url(random('previous', 32))}"`),
    edit('previous_false', '"previous":null', '"previous":false'),
    damaged('previous_of_31_bytes', withPrevious(base64url(random('previous', 31))), 2),
    damaged('previous_of_33_bytes', withPrevious(base64url(random('previous', 33))), 2),
    damaged('previous_empty', withPrevious(''), 2),
    damaged('previous_in_hex', withPrevious(hex(random('previous', 32))), 2),
    damaged('previous_with_stray_bits', withPrevious(withStrayBit(base64url(random('previous', 32)))), 2),
    sealed('slots_missing', text.replace(/"slots":\[.*\],"keys"/, '"keys"')),
    sealed('slots_an_object', text.replace(/"slots":\[.*\],"keys"/, '"slots":{},"keys"')),
    sealed('slots_null', text.replace(/"slots":\[.*\],"keys"/, '"slots":null,"keys"')),
    sealed('keys_missing', text.replace(/"keys":\[.*\],"pages"/, '"pages"')),
    sealed('keys_an_object', text.replace(/"keys":\[.*\],"pages"/, '"keys":{},"pages"')),
    sealed('keys_null', text.replace(/"keys":\[.*\],"pages"/, '"keys":null,"pages"')),
    edit('policy_missing', '"policy":{},', ''),
    edit('policy_a_list', '"policy":{}', '"policy":[]'),
    edit('policy_null', '"policy":{}', '"policy":null'),
    edit('extensions_missing', ',"extensions":{}', ''),
    edit('extensions_a_list', '"extensions":{}', '"extensions":[]'),
    edit('extensions_null', '"extensions":{}', '"extensions":null'),
    edit('extensions_a_text', '"extensions":{}', '"extensions":"x"'),
  ];
}

function withPrevious(previous: string): string {
  return edited(base, ['"revision":1,"previous":null', `"revision":2,"previous":"${previous}"`]);
}

function slots(): RefusedDocument[] {
  const raw = '"type":"raw"';
  const seventeen = Array.from({ length: 17 }, (_, place) => rawSlot(`sl_${place}`));
  const [wrapped, salt] = [sealedIn(text, '"wrapped":"'), sealedIn(payloadText(personal), '"salt":"')];
  const commitment = sealedIn(text, '"commitment":"');
  return [
    refused('17_slots', 'keyring-limit', writeDocument(spec({ slots: seventeen }))),
    edit('slot_null', slotText(base, rawSlot('sl_service')), 'null'),
    edit('slot_a_list', slotText(base, rawSlot('sl_service')), '[]'),
    edit('slot_a_text', slotText(base, rawSlot('sl_service')), '"raw"'),
    edit('slot_empty', slotText(base, rawSlot('sl_service')), '{}'),
    edit('slot_type_missing', `,${raw}`, ''),
    edit('slot_type_a_number', raw, '"type":1'),
    edit('slot_type_of_a_newer_writer', raw, '"type":"tpm"', 'keyring-format'),
    edit('slot_type_in_upper_case', raw, '"type":"RAW"', 'keyring-format'),
    edit('slot_type_an_inherited_name', raw, '"type":"toString"', 'keyring-format'),
    edit('slot_unknown_member', raw, `${raw},"note":"x"`),
    edit('slot_doubled_member', raw, `${raw},${raw}`),
    edit('slot_proto_member', raw, `${raw},"__proto__":{}`),
    edit('slot_reordered_members', `"id":"sl_service",${raw}`, `${raw},"id":"sl_service"`),
    edit('slot_id_missing', '"id":"sl_service",', ''),
    edit('slot_id_empty', '"sl_service"', '""'),
    edit('slot_id_of_65_characters', '"sl_service"', `"${'s'.repeat(65)}"`),
    edit('slot_id_with_a_space', '"sl_service"', '"sl service"'),
    edit('slot_commitment_of_31_bytes', commitment, base64url(random('commitment', 31))),
    edit('slot_commitment_with_stray_bits', commitment, withStrayBit(commitment)),
    edit('slot_commitment_a_list', `"${commitment}"`, `["${commitment}"]`),
    edit('slot_wrapped_of_59_bytes', wrapped, base64url(random('wrapped', 59))),
    edit('slot_wrapped_of_61_bytes', wrapped, base64url(random('wrapped', 61))),
    edit('slot_wrapped_empty', wrapped, ''),
    edit('slot_wrapped_null', `"${wrapped}"`, 'null'),
    edit('raw_slot_with_a_key_name', raw, `${raw},"keyName":"k"`),
    edit('raw_slot_with_iterations', raw, `${raw},"iterations":1000`),
    editPersonal('passphrase_slot_without_norm', '"norm":"opaque-1",', ''),
    editPersonal('norm_unknown', '"opaque-1"', '"opaque-2"', 'keyring-format'),
    editPersonal('norm_an_inherited_name', '"opaque-1"', '"constructor"', 'keyring-format'),
    editPersonal('norm_null', '"opaque-1"', 'null', 'keyring-format'),
    editPersonal('kdf_null', '"PBKDF2-HMAC-SHA-512"', 'null', 'keyring-format'),
    editPersonal('kdf_unknown', '"PBKDF2-HMAC-SHA-512"', '"Argon2id"', 'keyring-format'),
    editPersonal('kdf_in_lower_case', '"PBKDF2-HMAC-SHA-512"', '"pbkdf2-hmac-sha-512"', 'keyring-format'),
    editPersonal('iterations_999', '"iterations":1000', '"iterations":999', 'keyring-limit'),
    editPersonal('iterations_10000001', '"iterations":1000', '"iterations":10000001', 'keyring-limit'),
    editPersonal(
      'iterations_10_to_the_12',
      '"iterations":1000',
      '"iterations":1000000000000',
      'keyring-limit',
    ),
    editPersonal('iterations_0', '"iterations":1000', '"iterations":0', 'keyring-limit'),
    editPersonal('iterations_negative', '"iterations":1000', '"iterations":-1000', 'keyring-limit'),
    editPersonal('iterations_a_fraction', '"iterations":1000', '"iterations":1000.5'),
    editPersonal('iterations_10_to_the_21', '"iterations":1000', '"iterations":1e+21'),
    editPersonal('iterations_a_text', '"iterations":1000', '"iterations":"1000"'),
    editPersonal('iterations_spelled_1e3', '"iterations":1000', '"iterations":1e3'),
    editPersonal('salt_of_31_bytes', salt, base64url(random('salt', 31))),
    editPersonal('salt_of_33_bytes', salt, base64url(random('salt', 33))),
    editPersonal('salt_with_stray_bits', salt, withStrayBit(salt)),
    editPersonal('salt_with_padding', salt, `${salt}=`),
    editPersonal('salt_missing', `"salt":"${salt}",`, ''),
  ];
}

function labels(): RefusedDocument[] {
  const label = (name: string, by: string): RefusedDocument => edit(name, '"label":""', `"label":${by}`);
  const time = (name: string, by: string): RefusedDocument => edit(name, `"${SLOT_CREATED_AT}"`, by);
  const own = `"label":"","createdAt":"${SLOT_CREATED_AT}"`;
  return [
    edit('label_missing', '"label":"",', ''),
    label('label_null', 'null'),
    label('label_a_number', '7'),
    label('label_a_list', '[""]'),
    label('label_of_129_units', `"${'x'.repeat(129)}"`),
    label('label_of_65_pairs_of_surrogates', `"${'\u{1f511}'.repeat(65)}"`),
    label('label_with_a_line_break', '"front\\noffice"'),
    label('label_with_a_tab', '"front\\toffice"'),
    label('label_with_a_nul', '"front\\u0000office"'),
    label('label_with_a_delete', '"front\u007foffice"'),
    label('label_with_a_next_line', '"front\u0085office"'),
    label('label_ill_formed', '"\\ud800"'),
    label('label_escaped_that_needs_no_escape', '"\\u0066ront office"'),
    edit('slot_time_missing', `,"createdAt":"${SLOT_CREATED_AT}"`, ''),
    edit('slot_time_before_its_label', own, `"createdAt":"${SLOT_CREATED_AT}","label":""`),
    time('slot_time_without_milliseconds', '"2026-01-01T00:00:00Z"'),
    time('slot_time_a_day_that_does_not_exist', '"2026-02-30T00:00:00.000Z"'),
    time('slot_time_a_number', '1767225600000'),
    time('slot_time_null', 'null'),
    sealedSpec('two_slots_one_id', {
      slots: [rawSlot('sl_service'), { ...rawSlot('sl_service', random('documents/raw-key/2', 32)) }],
    }),
    sealedSpec('two_slots_one_id_of_two_types', { slots: [rawSlot('sl_one'), passphraseSlot('sl_one')] }),
    sealedSpec('two_slots_that_are_one', { slots: [rawSlot('sl_service'), rawSlot('sl_service')] }),
  ];
}

function kmsSlots(): RefusedDocument[] {
  const slot = kmsSlot('sl_kms');
  const [own, service] = [spec({ slots: [slot] }), { kms: [kmsEntry(slot)] }];
  const [keyName, wrappedSecret] = [slot.keyName ?? '', base64url(slot.wrappedSecret ?? new Uint8Array())];
  const editKms = (name: string, part: string, by: string, expect: Refusal = 'keyring-damaged') =>
    refused(name, expect, edited(own, [part, by]), service);
  const named = (name: string, by: string): RefusedDocument => editKms(name, `"${keyName}"`, by);
  const wrong = (name: string, kms: Unlock['kms'], document = writeDocument(own)): RefusedDocument =>
    refused(name, 'wrong-secret', document, kms && { kms });
  const entry = kmsEntry(slot);
  const wrapped = sealedIn(payloadText(own), '"wrapped":"');
  return [
    editKms('kms_slot_without_a_key_name', `"keyName":"${keyName}",`, ''),
    named('key_name_null', 'null'),
    named('key_name_empty', '""'),
    named('key_name_of_513_units', `"${'k'.repeat(513)}"`),
    named('key_name_with_a_line_break', '"arn\\nkey"'),
    named('key_name_ill_formed', '"\\udc00"'),
    editKms('kms_slot_without_a_wrapped_secret', `"wrappedSecret":"${wrappedSecret}",`, ''),
    editKms('wrapped_secret_null', `"${wrappedSecret}"`, 'null'),
    editKms('wrapped_secret_empty', `"${wrappedSecret}"`, '""'),
    editKms('wrapped_secret_of_8193_bytes', wrappedSecret, base64url(random('documents/kms', 8193))),
    editKms('wrapped_secret_with_padding', wrappedSecret, `${wrappedSecret}=`),
    editKms('wrapped_secret_with_stray_bits', wrappedSecret, withStrayBit(wrappedSecret)),
    editKms('kms_slot_with_a_salt', '"keyName"', `"salt":"${base64url(random('salt', 32))}","keyName"`),
    editKms(
      'wrapped_secret_before_the_key_name',
      `"keyName":"${keyName}","wrappedSecret":"${wrappedSecret}"`,
      `"wrappedSecret":"${wrappedSecret}","keyName":"${keyName}"`,
    ),
    editKms('kms_slot_wrapped_tampered', wrapped, tamperedBase64url(wrapped)),
    editKms('wrapped_secret_altered', wrappedSecret, tamperedBase64url(wrappedSecret), 'wrong-secret'),
    editKms('kms_slot_id_altered', '"sl_kms"', '"sl_kmt"', 'wrong-secret'),
    wrong('kms_that_unwraps_nothing', []),
    wrong('kms_of_another_slot', [{ ...entry, slotId: 'sl_kmt' }]),
    wrong('kms_of_another_keyring', [{ ...entry, keyringId: 'kr_elsewhere' }]),
    wrong('kms_that_gives_another_secret', [{ ...entry, secret: random('documents/kms', 32) }]),
    wrong('kms_that_gives_31_bytes', [{ ...entry, secret: entry.secret.subarray(1) }]),
    // Right by its commitment: its slot was made of no more.
    wrong(
      'kms_secret_of_31_bytes',
      [{ ...entry, secret: entry.secret.subarray(1) }],
      writeDocument(spec({ slots: [{ ...slot, secret: entry.secret.subarray(1) }] })),
    ),
    wrong('kms_that_gives_33_bytes', [{ ...entry, secret: concat(entry.secret, uint(0, 1)) }]),
    wrong('kms_that_gives_nothing', [{ ...entry, secret: new Uint8Array() }]),
    wrong('kms_where_there_are_raw_slots_only', service.kms, plain),
    refused('raw_key_where_there_are_kms_slots_only', 'wrong-secret', writeDocument(own), {
      rawKey: entry.secret,
    }),
    refused('kms_and_raw_key', 'invalid-passphrase', writeDocument(own), { ...service, ...RAW }),
    refused('kms_and_passphrase', 'invalid-passphrase', writeDocument(own), { ...service, ...PERSON }),
  ];
}

function pages(): RefusedDocument[] {
  const [first, last] = [pageOf('first', 0, '[]'), pageOf('last', 32_768, '[]')];
  const own = spec({ pages: [first, last] });
  const editPage = (name: string, part: string, by: string, expect: Refusal = 'keyring-damaged') =>
    refused(name, expect, edited(own, [part, by]));
  const [entry, hash] = [pageText(first), base64url(last.hash)];
  const list = `"pages":[${entry},${pageText(last)}]`;
  const starting = (name: string, ...starts: readonly number[]): RefusedDocument =>
    sealedSpec(name, { pages: starts.map((from, place) => pageOf(`page-${place}`, from, '[]')) });
  const acme = key('tenant-0', 'active', { tenant: 'acme' });
  return [
    edit('pages_missing', '"pages":[],', ''),
    edit('pages_null', '"pages":[]', '"pages":null'),
    edit('pages_an_object', '"pages":[]', '"pages":{}'),
    // The bound comes first, so that they need not be pages.
    edit('4097_pages', '"pages":[]', `"pages":[0${',0'.repeat(4096)}]`, 'keyring-limit'),
    editPage('page_null', entry, 'null'),
    editPage('page_a_list', entry, '[]'),
    editPage('page_empty', entry, '{}'),
    editPage('page_name_missing', `"name":"${first.name}",`, ''),
    editPage('page_name_empty', first.name, ''),
    editPage('page_name_of_65_characters', first.name, 'p'.repeat(65)),
    editPage('page_name_with_a_slash', first.name, `../${first.name}`),
    editPage('page_hash_missing', `"hash":"${base64url(first.hash)}","from":0`, '"from":0'),
    editPage(
      'page_hash_of_31_bytes',
      `"${base64url(first.hash)}","from":0`,
      `"${base64url(random('hash', 31))}","from":0`,
    ),
    editPage('page_hash_with_stray_bits', `"${hash}","from":32768`, `"${withStrayBit(hash)}","from":32768`),
    editPage('page_without_a_beginning', ',"from":32768', ''),
    editPage('page_from_a_text', '"from":32768', '"from":"32768"'),
    editPage('page_from_a_fraction', '"from":32768', '"from":32768.5'),
    editPage('page_unknown_member', entry, entry.replace('}', ',"keys":0}')),
    editPage(
      'page_reordered_members',
      entry,
      entry.replace(/"name":"[^"]*",/, '').replace('}', `,"name":"${first.name}"}`),
    ),
    editPage('page_doubled_member', '"from":32768', '"from":32768,"from":32768'),
    editPage('pages_reordered', list, `"pages":[${pageText(last)},${entry}]`),
    starting('first_page_not_from_0', 1, 2),
    starting('page_from_a_negative_bucket', -1, 2),
    starting('page_from_65536', 0, 65_536),
    starting('pages_not_ascending', 0, 9, 8),
    starting('two_pages_from_one_bucket', 0, 8, 8),
    sealedSpec('key_of_a_tenant_beside_pages', { keys: [DATA, INDEX, acme], pages: [first] }),
  ];
}

function changes(): RefusedDocument[] {
  const own = spec({ change: { revision: 1, startedAt: CREATED_AT } });
  const one = `{"revision":1,"startedAt":"${CREATED_AT}"}`;
  const change = (name: string, by: string): RefusedDocument =>
    damaged(name, edited(spec(), ['"change":null', `"change":${by}`]));
  const editChange = (name: string, part: string, by: string): RefusedDocument =>
    change(name, replaced(one, part, by));
  if (!payloadText(own).includes(one)) throw new Error('the change is not in its payload');
  return [
    edit('change_missing', '"change":null,', ''),
    change('change_false', 'false'),
    change('change_a_list', '[]'),
    change('change_empty', '{}'),
    change('change_a_revision_alone', '1'),
    editChange('change_to_come', '"revision":1', '"revision":2'),
    editChange('change_of_revision_0', '"revision":1', '"revision":0'),
    editChange('change_of_a_fraction', '"revision":1', '"revision":0.5'),
    editChange('change_of_a_text', '"revision":1', '"revision":"1"'),
    editChange('change_without_a_revision', '"revision":1,', ''),
    editChange('change_without_a_time', `,"startedAt":"${CREATED_AT}"`, ''),
    editChange('change_at_a_time_without_a_zone', 'Z"', '"'),
    editChange('change_at_no_time', `"${CREATED_AT}"`, 'null'),
    editChange('change_unknown_member', '}', ',"by":"x"}'),
    change('change_of_no_pages', replaced(one, '}', ',"pages":[]}')),
    change('change_of_pages_null', replaced(one, '}', ',"pages":null}')),
    change('change_of_a_page_that_is_no_id', replaced(one, '}', ',"pages":["a.b"]}')),
    change(
      'change_of_a_page_by_its_reference',
      replaced(one, '}', `,"pages":[${pageText(pageOf('only', 0, '[]'))}]}`),
    ),
    change('change_of_4097_pages', replaced(one, '}', `,"pages":["p"${',"p"'.repeat(4096)}]}`)),
    change('change_of_pages_before_its_time', replaced(one, ',"startedAt"', ',"pages":["p"],"startedAt"')),
    change('change_reordered_members', `{"startedAt":"${CREATED_AT}","revision":1}`),
  ];
}

function policies(): RefusedDocument[] {
  const policy = (name: string, by: string, expect: Refusal = 'keyring-damaged'): RefusedDocument =>
    edit(name, '"policy":{}', `"policy":${by}`, expect);
  return [
    policy('policy_unknown', '{"rotateDays":90}', 'keyring-format'),
    policy('policy_unknown_beside_a_known_one', '{"maxStaleMs":1000,"rotateDays":90}', 'keyring-format'),
    policy('policy_proto', '{"__proto__":{}}', 'keyring-format'),
    policy('policy_an_inherited_name', '{"toString":1}', 'keyring-format'),
    policy('max_stale_out_of_bounds_below', '{"maxStaleMs":999}'),
    policy('max_stale_out_of_bounds_above', '{"maxStaleMs":2592000001}'),
    policy('max_cells_out_of_bounds_below', '{"maxCellsPerKey":65535}'),
    policy('max_cells_out_of_bounds_above', '{"maxCellsPerKey":281474976710657}'),
    policy('cryptoperiod_out_of_bounds_below', '{"cryptoperiodDays":0}'),
    policy('cryptoperiod_out_of_bounds_above', '{"cryptoperiodDays":36501}'),
    policy('hold_out_of_bounds_below', '{"holdMs":-1}'),
    policy('hold_out_of_bounds_above', '{"holdMs":31536000001}'),
    policy('hold_before_another_rule', '{"holdMs":0,"cryptoperiodDays":1}'),
    policy('policy_of_a_fraction', '{"cryptoperiodDays":1.5}'),
    policy('policy_of_a_text', '{"cryptoperiodDays":"90"}'),
    policy('policy_of_null', '{"cryptoperiodDays":null}'),
    policy('policy_reordered', '{"maxCellsPerKey":65536,"maxStaleMs":1000}'),
    policy('policy_doubled', '{"maxStaleMs":1000,"maxStaleMs":1000}'),
    policy('policy_spelled_otherwise', '{"maxStaleMs":1e3}'),
  ];
}

function keys(): RefusedDocument[] {
  const one = spec({ keys: [DATA] });
  const own = payloadText(one);
  const entry = keyText(one, DATA);
  const editKey = (
    name: string,
    part: string,
    by: string,
    expect: Refusal = 'keyring-damaged',
  ): RefusedDocument => refused(name, expect, edited(one, [part, by]));
  const commitment = base64url(keyCommitment('data', DATA.key));
  const wrapped = sealedIn(entry, '"wrapped":"');
  const time = (name: string, by: string): RefusedDocument => editKey(name, `"${DATA.createdAt}"`, by);
  if (!own.includes(entry)) throw new Error('the entry is not in its payload');
  return [
    editKey('key_null', entry, 'null'),
    editKey('key_a_list', entry, '[]'),
    editKey('key_empty', entry, '{}'),
    editKey('key_kind_missing', '"kind":"data",', ''),
    editKey('unknown_kind_of_a_newer_writer', '"kind":"data"', '"kind":"token"', 'keyring-format'),
    editKey('key_kind_an_inherited_name', '"kind":"data"', '"kind":"toString"', 'keyring-format'),
    editKey('key_kind_null', '"kind":"data"', '"kind":null'),
    editKey('key_state_missing', '"state":"active",', ''),
    editKey('unknown_state_of_a_newer_writer', '"state":"active"', '"state":"archived"', 'keyring-format'),
    editKey('key_state_an_inherited_name', '"state":"active"', '"state":"toString"', 'keyring-format'),
    editKey('key_state_null', '"state":"active"', '"state":null'),
    editKey('key_unknown_member', '"kind":"data"', '"kind":"data","note":"x"'),
    editKey('key_doubled_member', '"kind":"data"', '"kind":"data","kind":"data"'),
    editKey('key_doubled_member_of_two_values', '"state":"active"', '"state":"suspended","state":"active"'),
    editKey('key_proto_member', '"kind":"data"', '"kind":"data","__proto__":{}'),
    editKey(
      'key_reordered_members',
      `"kind":"data","commitment":"${commitment}"`,
      `"commitment":"${commitment}","kind":"data"`,
    ),
    editKey('key_commitment_missing', `"commitment":"${commitment}",`, ''),
    editKey('key_commitment_of_31_bytes', commitment, base64url(random('commitment', 31))),
    editKey('key_commitment_with_stray_bits', commitment, withStrayBit(commitment)),
    editKey('key_wrapped_of_59_bytes', wrapped, base64url(random('wrapped', 59))),
    editKey('key_wrapped_with_a_character_of_base64', wrapped, `+${wrapped.slice(1)}`),
    editKey('key_wrapped_null', `"wrapped":"${wrapped}"`, '"wrapped":null'),
    editKey('active_key_without_its_bytes', `,"wrapped":"${wrapped}"`, ''),
    editKey('destroyed_key_that_still_has_bytes', '"state":"active"', '"state":"destroyed"'),
    editKey(
      'destroyed_key_with_wrapped_null',
      `"active","createdAt":"${DATA.createdAt}","addedIn":1,"wrapped":"${wrapped}"`,
      `"destroyed","createdAt":"${DATA.createdAt}","addedIn":1,"wrapped":null`,
    ),
    editKey('added_in_missing', '"addedIn":1,', ''),
    editKey('added_in_revision_0', '"addedIn":1', '"addedIn":0'),
    editKey('added_in_revision_minus_1', '"addedIn":1', '"addedIn":-1'),
    editKey('added_in_a_fraction', '"addedIn":1', '"addedIn":0.5'),
    editKey('added_in_a_text', '"addedIn":1', '"addedIn":"1"'),
    editKey('added_in_null', '"addedIn":1', '"addedIn":null'),
    editKey('added_in_a_revision_to_come', '"addedIn":1', '"addedIn":2'),
    editKey('added_in_a_revision_too_large_to_be_exact', '"addedIn":1', '"addedIn":9007199254740992'),
    editKey(
      'key_time_after_its_revision',
      `"createdAt":"${DATA.createdAt}","addedIn":1`,
      `"addedIn":1,"createdAt":"${DATA.createdAt}"`,
    ),
    editKey('key_time_missing', `"createdAt":"${DATA.createdAt}",`, ''),
    time('key_time_without_milliseconds', '"2026-01-02T03:04:05Z"'),
    time('key_time_with_microseconds', '"2026-01-02T03:04:05.678000Z"'),
    time('key_time_without_a_zone', '"2026-01-02T03:04:05.678"'),
    time('key_time_with_an_offset', '"2026-01-02T03:04:05.678+00:00"'),
    time('key_time_in_lower_case', '"2026-01-02t03:04:05.678z"'),
    time('key_time_a_day_alone', '"2026-01-02"'),
    time('key_time_a_day_that_does_not_exist', '"2026-02-29T00:00:00.000Z"'),
    time('key_time_24_hours', '"2026-01-02T24:00:00.000Z"'),
    time('key_time_a_leap_second', '"2016-12-31T23:59:60.000Z"'),
    time('key_time_in_words', '"Fri, 02 Jan 2026 03:04:05 GMT"'),
    time('key_time_a_number', '1767323045678'),
    time('key_time_empty', '""'),
    ...marks(),
  ];
}

/** What is said of a key that its state does not allow, or that is not said so. */
function marks(): RefusedDocument[] {
  const at = '"2026-02-02T00:00:00.000Z"';
  const texts = {
    compromisedAt: `"compromisedAt":${at}`,
    emptySince: `"emptySince":${at}`,
    destroyAfter: `"destroyAfter":${at}`,
    destroyReason: '"destroyReason":"-"',
  };
  const said = (name: string, state: KeyState, ...members: readonly string[]): RefusedDocument => {
    const one = spec({ keys: [key('marked', state)] });
    return damaged(name, edited(one, ['"addedIn":1', ['"addedIn":1', ...members].join(',')]));
  };
  const { compromisedAt, emptySince, destroyAfter, destroyReason } = texts;
  const marked = spec({ keys: [key('marked', 'suspended')] });
  const entry = keyText(marked, key('marked', 'suspended'));
  const suspended = (name: string, ...members: readonly string[]) => said(name, 'suspended', ...members);
  return [
    said('pre_active_key_that_is_compromised', 'pre-active', compromisedAt),
    said('active_key_that_is_compromised', 'active', compromisedAt),
    said('deactivated_key_that_is_compromised', 'deactivated', compromisedAt),
    said('pre_active_key_that_is_empty', 'pre-active', emptySince),
    said('active_key_that_is_empty', 'active', emptySince),
    said('destroyed_key_that_is_empty', 'destroyed', emptySince),
    said('pre_active_key_that_is_to_be_destroyed', 'pre-active', destroyAfter),
    said('active_key_that_is_to_be_destroyed', 'active', destroyAfter),
    said('deactivated_key_that_is_to_be_destroyed', 'deactivated', destroyAfter),
    said('compromised_key_that_is_to_be_destroyed', 'compromised', destroyAfter),
    said('destroyed_key_that_is_to_be_destroyed', 'destroyed', destroyAfter),
    said('active_key_with_a_reason', 'active', destroyReason),
    said('deactivated_key_with_a_reason', 'deactivated', destroyReason),
    said('compromised_key_with_a_reason', 'compromised', destroyReason),
    suspended('reason_without_a_time', destroyReason),
    suspended('marks_reordered_empty_before_compromised', emptySince, compromisedAt),
    suspended('marks_reordered_destroy_before_empty', destroyAfter, emptySince),
    suspended('marks_reordered_reason_before_time', destroyReason, destroyAfter),
    suspended('mark_doubled', emptySince, emptySince),
    suspended('mark_unknown', '"fullSince":"2026-02-02T00:00:00.000Z"'),
    suspended('mark_null', '"emptySince":null'),
    suspended('mark_a_number', '"emptySince":1767323045678'),
    suspended('mark_of_seconds', '"emptySince":"2026-02-02T00:00:00Z"'),
    suspended('mark_of_a_day_that_does_not_exist', '"destroyAfter":"2026-02-30T00:00:00.000Z"'),
    suspended('mark_empty', '"compromisedAt":""'),
    suspended('mark_true', '"compromisedAt":true'),
    suspended('reason_empty', destroyAfter, '"destroyReason":""'),
    suspended('reason_null', destroyAfter, '"destroyReason":null'),
    suspended('reason_of_129_units', destroyAfter, `"destroyReason":"${'x'.repeat(129)}"`),
    suspended('reason_of_two_lines', destroyAfter, '"destroyReason":"a\\nb"'),
    suspended('reason_ill_formed', destroyAfter, '"destroyReason":"\\ud800"'),
    damaged('mark_after_the_bytes', edited(marked, [entry, `${entry.slice(0, -1)},${emptySince}}`])),
    damaged('mark_before_its_revision', edited(marked, ['"addedIn":1', `${emptySince},"addedIn":1`])),
  ];
}

function tenants(): RefusedDocument[] {
  const one = spec({ keys: [key('tenant', 'active', { tenant: 'acme' })] });
  const tenant = (name: string, by: string): RefusedDocument =>
    damaged(name, edited(one, ['"tenant":"acme"', `"tenant":${by}`]));
  const long = random('documents/tenant', 1025);
  return [
    tenant('tenant_empty', '""'),
    tenant('tenant_null', 'null'),
    tenant('tenant_a_number', '7'),
    tenant('tenant_true', 'true'),
    tenant('tenant_a_list', '["acme"]'),
    tenant('tenant_ill_formed', '"\\ud800"'),
    tenant('tenant_of_1025_bytes', `"é${'a'.repeat(1023)}"`),
    tenant('tenant_an_empty_object', '{}'),
    tenant('tenant_of_an_unknown_type', '{"text":"acme"}'),
    tenant('tenant_of_two_types', '{"integer":"7","bytes":"Nw"}'),
    tenant('tenant_of_a_doubled_type', '{"integer":"7","integer":"7"}'),
    tenant('tenant_proto', '{"__proto__":"7"}'),
    tenant('tenant_integer_a_number', '{"integer":7}'),
    tenant('tenant_integer_empty', '{"integer":""}'),
    tenant('tenant_integer_with_a_leading_zero', '{"integer":"07"}'),
    tenant('tenant_integer_minus_0', '{"integer":"-0"}'),
    tenant('tenant_integer_with_a_plus', '{"integer":"+7"}'),
    tenant('tenant_integer_with_a_space', '{"integer":" 7"}'),
    tenant('tenant_integer_with_a_newline', '{"integer":"7\\n"}'),
    tenant('tenant_integer_a_fraction', '{"integer":"7.0"}'),
    tenant('tenant_integer_with_an_exponent', '{"integer":"7e1"}'),
    tenant('tenant_integer_in_hex', '{"integer":"0x7"}'),
    tenant('tenant_integer_in_other_digits', '{"integer":"\u0667"}'),
    tenant('tenant_integer_of_1025_characters', `{"integer":"${'7'.repeat(1025)}"}`),
    tenant('tenant_integer_of_1025_characters_with_its_sign', `{"integer":"-${'7'.repeat(1024)}"}`),
    tenant('tenant_bytes_empty', '{"bytes":""}'),
    tenant('tenant_bytes_with_padding', '{"bytes":"Nw=="}'),
    tenant('tenant_bytes_with_stray_bits', '{"bytes":"Nx"}'),
    tenant('tenant_bytes_of_impossible_length', '{"bytes":"N"}'),
    tenant('tenant_bytes_with_another_character', '{"bytes":"N!"}'),
    tenant('tenant_bytes_null', '{"bytes":null}'),
    tenant('tenant_bytes_of_1025_bytes', `{"bytes":"${base64url(long)}"}`),
    damaged(
      'tenant_before_kind',
      edited(one, ['"kind":"data","tenant":"acme"', '"tenant":"acme","kind":"data"']),
    ),
  ];
}

function extensions(): RefusedDocument[] {
  const extension = (name: string, by: string, expect: Refusal = 'keyring-damaged'): RefusedDocument =>
    edit(name, '"extensions":{}', `"extensions":${by}`, expect);
  return [
    extension('extension_proto_member', '{"__proto__":{"admin":true}}'),
    extension('extension_proto_member_deep_inside', '{"a":[{"b":{"__proto__":null}}]}'),
    extension('extension_doubled_member', '{"a":1,"a":1}'),
    extension('extension_doubled_member_deep_inside', '{"a":[{"b":1,"b":2}]}'),
    extension('extension_white_space', '{"a": 1}'),
    extension('extension_white_space_in_a_list', '{"a":[1, 2]}'),
    extension('extension_number_spelled_1_0', '{"a":1.0}'),
    extension('extension_number_spelled_1e2', '{"a":1e2}'),
    extension('extension_number_minus_0', '{"a":-0}'),
    extension('extension_number_beyond_binary64', '{"a":1e400}'),
    extension('extension_number_of_too_many_digits', '{"a":0.1000000000000000055}'),
    extension('extension_number_too_large_to_be_exact', '{"a":9007199254740993}'),
    extension('extension_number_in_upper_case', '{"a":1E+21}'),
    extension('extension_escaped_letter', '{"a":"\\u0061"}'),
    extension('extension_escaped_slash', '{"a":"\\/"}'),
    extension('extension_newline_escaped_by_its_number', '{"a":"\\u000a"}'),
    extension('extension_escape_in_upper_case', '{"a":"\\u001F"}'),
    extension('extension_surrogate_pair_escaped', '{"a":"\\ud83d\\udd11"}'),
    extension('extension_lone_surrogate_in_upper_case', '{"a":"\\uD800"}'),
    extension('extension_raw_control_character', '{"a":"\u0001"}'),
    extension('extension_index_after_a_name', '{"a":1,"0":1}'),
    extension('extension_indexes_out_of_order', '{"10":1,"9":1}'),
    extension('extension_largest_index_after_a_name', '{"a":1,"4294967294":1}'),
    extension('extension_trailing_comma', '{"a":1,}'),
    extension('extension_single_quotes', "{'a':1}"),
    extension('extension_comment', '{"a":1/**/}'),
    extension('extension_nan', '{"a":NaN}'),
    extension('extensions_65_levels_deep', nested(65), 'keyring-limit'),
    extension('extensions_65_levels_of_lists', `{"a":${'['.repeat(64)}${']'.repeat(64)}}`, 'keyring-limit'),
  ];
}

function macs(): RefusedDocument[] {
  const payload = utf8(text);
  const withMac = (mac: Uint8Array): string => joinDocument(payload, mac);
  const other = payloadText(spec({ keys: [DATA] }));
  const person = { ...passphraseSlot('sl_person'), label: 'front' };
  const tampered = spec({ slots: [rawSlot('sl_service'), person] });
  const tamperedText = payloadText(tampered);
  const slotWrapped = sealedIn(slotText(tampered, person), '"wrapped":"');
  const ownWrapped = sealedIn(tamperedText, '"wrapped":"');
  const alter = (
    name: string,
    part: string,
    by: string,
    unlock: Unlock = RAW,
    expect: Refusal = 'keyring-damaged',
  ) => refused(name, expect, joinDocument(utf8(replaced(tamperedText, part, by)), macOf(tampered)), unlock);
  return [
    damaged('mac_wrong_in_its_first_bit', withMac(flippedBit(macOf(base), 0))),
    damaged('mac_wrong_in_its_last_bit', withMac(flippedBit(macOf(base), 255))),
    damaged('mac_of_zeros', withMac(new Uint8Array(32))),
    damaged('mac_of_another_payload', withMac(keyringMac(base.rootKey, base.keyringId, utf8(other)))),
    damaged('mac_under_another_root_key', withMac(keyringMac(random('root', 32), base.keyringId, payload))),
    damaged('mac_under_another_keyring_id', withMac(keyringMac(base.rootKey, 'kr_other', payload))),
    alter('altered_kind', '"kind":"data"', '"kind":"index"'),
    alter('altered_label', '"label":"front"', '"label":"back"'),
    alter(
      'altered_time_of_a_slot',
      `"label":"front","createdAt":"${SLOT_CREATED_AT}"`,
      '"label":"front","createdAt":"2026-01-01T00:00:00.001Z"',
    ),
    alter('altered_policy', '"policy":{}', '"policy":{"maxStaleMs":1000}'),
    alter('altered_change', '"change":null', `"change":{"revision":1,"startedAt":"${CREATED_AT}"}`),
    alter('altered_pages', '"pages":[]', `"pages":[${pageText(pageOf('only', 0, '[]'))}]`),
    alter('altered_extensions', '"extensions":{}', '"extensions":{"a":1}'),
    damaged(
      'altered_revision',
      joinDocument(
        utf8(
          replaced(
            text,
            '"revision":1,"previous":null',
            `"revision":2,"previous":"${base64url(payloadHash(payload))}"`,
          ),
        ),
        macOf(base),
      ),
      2,
    ),
    alter('slot_removed', `,${slotText(tampered, person)}`, ''),
    alter('key_removed', `,${keyText(tampered, INDEX)}`, ''),
    damaged('stored_under_a_higher_revision', plain, 2),
    damaged(
      'stored_under_a_lower_revision',
      writeDocument(spec({ revision: 2, previous: payloadHash(payload) })),
      1,
    ),
    // Its own secret meets the tag before the MAC is known; the other's meets the MAC.
    alter('slot_wrapped_tampered', ownWrapped, tamperedBase64url(ownWrapped)),
    alter('slot_wrapped_tampered_by_passphrase', slotWrapped, tamperedBase64url(slotWrapped), PERSON),
    alter('slot_wrapped_tampered_beside_the_one_asked', slotWrapped, tamperedBase64url(slotWrapped)),
    alter(
      'wrong_slot_secret_beside_a_tampered_slot',
      slotWrapped,
      tamperedBase64url(slotWrapped),
      OTHER,
      'wrong-secret',
    ),
    refused(
      'slot_wrapped_tampered_under_a_new_mac',
      'keyring-damaged',
      edited(tampered, [ownWrapped, tamperedBase64url(ownWrapped)]),
    ),
    refused(
      'slot_wraps_another_root_key',
      'keyring-damaged',
      edited(base, [
        slotText(base, rawSlot('sl_service')),
        slotText({ ...base, rootKey: random('root', 32) }, rawSlot('sl_service')),
      ]),
    ),
  ];
}

function secrets(): RefusedDocument[] {
  const wrong = (name: string, document: string, unlock: Unlock): RefusedDocument =>
    refused(name, 'wrong-secret', document, unlock);
  const person = writeDocument(personal);
  const commitment = sealedIn(text, '"commitment":"');
  const elsewhere = spec({ keyringId: 'kr_elsewhere' });
  const twins = spec({ slots: [rawSlot('sl_one'), passphraseSlot('sl_two')] });
  return [
    wrong('wrong_raw_key', plain, OTHER),
    wrong('wrong_raw_key_by_one_bit', plain, { rawKey: flippedBit(RAW_KEY, 255) }),
    wrong('wrong_passphrase', person, { passphrase: `${PASSPHRASE} ` }),
    wrong('wrong_passphrase_by_case', person, { passphrase: PASSPHRASE.replace('c', 'C') }),
    wrong('empty_passphrase', person, { passphrase: '' }),
    wrong('passphrase_where_there_are_raw_slots_only', plain, PERSON),
    wrong('raw_key_where_there_are_passphrase_slots_only', person, RAW),
    wrong('no_slots', writeDocument(spec({ slots: [] })), RAW),
    wrong('slot_commitment_tampered', edited(base, [commitment, tamperedBase64url(commitment)]), RAW),
    wrong('slot_id_altered', edited(base, ['"sl_service"', '"sl_servicf"']), RAW),
    wrong('keyring_id_altered', edited(base, ['"kr_vectors"', '"kr_vectort"']), RAW),
    wrong('iterations_altered', edited(personal, ['"iterations":1000', '"iterations":1001']), PERSON),
    wrong(
      'salt_altered',
      edited(personal, [base64url(random('documents/salt/sl_person', 32)), base64url(random('salt', 32))]),
      PERSON,
    ),
    wrong(
      'slot_of_another_keyring',
      edited(base, [slotText(base, rawSlot('sl_service')), slotText(elsewhere, rawSlot('sl_service'))]),
      RAW,
    ),
    wrong(
      'slots_that_changed_places_with_their_ids_left_behind',
      edited(
        spec({ slots: [rawSlot('sl_one'), rawSlot('sl_two', random('documents/raw-key/2', 32))] }),
        ['"sl_one"', '"sl_0"'],
        ['"sl_two"', '"sl_one"'],
        ['"sl_0"', '"sl_two"'],
      ),
      RAW,
    ),
    refused('passphrase_ill_formed', 'invalid-passphrase', writeDocument(twins), { passphrase: 'a\ud800' }),
    refused('passphrase_of_1025_bytes', 'invalid-passphrase', writeDocument(twins), {
      passphrase: 'a'.repeat(1025),
    }),
    refused('raw_key_of_31_bytes', 'invalid-passphrase', writeDocument(twins), {
      rawKey: RAW_KEY.subarray(0, 31),
    }),
    refused('raw_key_of_33_bytes', 'invalid-passphrase', writeDocument(twins), {
      rawKey: concat(RAW_KEY, uint(0, 1)),
    }),
    refused('raw_key_empty', 'invalid-passphrase', writeDocument(twins), { rawKey: new Uint8Array() }),
    refused('no_secret', 'invalid-passphrase', writeDocument(twins), {}),
    refused('two_secrets', 'invalid-passphrase', writeDocument(twins), { ...PERSON, ...RAW }),
  ];
}

function generatedPassphrases(): RefusedDocument[] {
  const names = ['base32_drawn', 'unicode_drawn', 'words_drawn', 'words_24_drawn'];
  const by = (name: string): Unlock => ({ passphrase: generated(name).passphrase });
  const one = writeDocument(spec({ slots: [generatedSlot('sl_generated', 'base32_drawn')] }));
  const beside = writeDocument(spec({ slots: [rawSlot('sl_raw'), generatedSlot('sl_g', 'words_drawn')] }));
  return [
    ...names.flatMap((name) =>
      ['first_symbol_another', 'last_two_swapped', 'last_symbol_missing', 'a_symbol_twice'].map((fault) =>
        refused(
          `passphrase_${name}_${fault}`,
          'passphrase-damaged',
          writeDocument(spec({ slots: [generatedSlot('sl_generated', name)] })),
          by(`${name}_${fault}`),
        ),
      ),
    ),
    refused('damaged_passphrase_of_another_norm', 'passphrase-damaged', beside, by('unicode_in_ansi')),
    refused(
      'damaged_passphrase_where_there_is_no_generated_norm',
      'wrong-secret',
      writeDocument(personal),
      by('base32_drawn_first_symbol_another'),
    ),
    refused(
      'damaged_passphrase_where_there_are_raw_slots_only',
      'wrong-secret',
      plain,
      by('base32_drawn_first_symbol_another'),
    ),
    refused('another_generated_passphrase', 'wrong-secret', one, by('base32_in_order')),
    refused('generated_passphrase_of_another_norm', 'wrong-secret', one, by('words_drawn')),
    refused('a_persons_own_for_a_generated_one', 'wrong-secret', one, PERSON),
    refused('ill_formed_for_a_generated_one', 'invalid-passphrase', one, { passphrase: 'E436S\ud800' }),
    refused(
      'generated_passphrase_spelled_otherwise_as_a_persons_own',
      'wrong-secret',
      writeDocument(spec({ slots: [passphraseSlot('sl_own', generated('base32_drawn').passphrase)] })),
      { passphrase: generated('base32_drawn').passphrase.toLowerCase() },
    ),
    refused(
      'norm_altered',
      'wrong-secret',
      edited(spec({ slots: [generatedSlot('sl_generated', 'base32_drawn')] }), [
        '"norm":"crockford-1"',
        '"norm":"cjk-1"',
      ]),
      by('base32_drawn'),
    ),
  ];
}

function contradictions(): RefusedDocument[] {
  const commitment = random('documents/prefix', 32);
  const index = (name: string, given: Uint8Array, state: 'destroyed' | 'deactivated' = 'destroyed') =>
    key(name, state, { kind: 'index', commitment: given });
  const acme = { tenant: 'acme' };
  return [
    sealedSpec('two_active_data_keys', { keys: [DATA, key('second', 'active')] }),
    sealedSpec('two_active_index_keys', { keys: [INDEX, key('second', 'active', { kind: 'index' })] }),
    sealedSpec('two_active_keys_of_one_tenant', {
      keys: [DATA, key('tenant-0', 'active', acme), key('tenant-1', 'active', acme)],
    }),
    sealedSpec('two_active_keys_of_one_integer_tenant', {
      keys: [key('tenant-0', 'active', { tenant: 7n }), key('tenant-1', 'active', { tenant: 7n })],
    }),
    sealedSpec('two_active_keys_of_one_tenant_of_bytes', {
      keys: [
        key('tenant-0', 'active', { tenant: Uint8Array.of(7) }),
        key('tenant-1', 'active', { tenant: Uint8Array.of(7) }),
      ],
    }),
    sealedSpec('one_key_twice', { keys: [DATA, { ...DATA, state: 'deactivated' }] }),
    sealedSpec('duplicate_key_ids', {
      keys: [
        key('one', 'destroyed', { commitment }),
        key('two', 'destroyed', { commitment: sharing(commitment, 16) }),
      ],
    }),
    sealedSpec('duplicate_key_ids_of_two_kinds', {
      keys: [key('one', 'destroyed', { commitment }), index('two', sharing(commitment, 16))],
    }),
    sealedSpec('duplicate_key_ids_of_two_tenants', {
      keys: [
        key('one', 'destroyed', { commitment, tenant: 'acme' }),
        key('two', 'destroyed', { commitment, tenant: 'umbrella' }),
      ],
    }),
    sealedSpec('index_keys_that_share_a_token_prefix', {
      keys: [index('one', commitment, 'deactivated'), index('two', sharing(commitment, 5), 'deactivated')],
    }),
    sealedSpec('destroyed_index_keys_that_share_a_token_prefix', {
      keys: [index('one', commitment), index('two', sharing(commitment, 5))],
    }),
    sealedSpec('index_keys_of_two_tenants_that_share_a_token_prefix', {
      keys: [
        key('one', 'destroyed', { kind: 'index', commitment, tenant: 'acme' }),
        key('two', 'destroyed', { kind: 'index', commitment: sharing(commitment, 5), tenant: 'umbrella' }),
      ],
    }),
  ];
}

function macOf(given: DocumentSpec): Uint8Array {
  return keyringMac(given.rootKey, given.keyringId, utf8(payloadText(given)));
}

/** The first string that follows `start`. */
function sealedIn(payload: string, start: string): string {
  const from = payload.indexOf(start) + start.length;
  return payload.slice(from, payload.indexOf('"', from));
}

/** Another spelling of the same bytes: the last character's unused bits are not zero. */
function withStrayBit(encoded: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(encoded.at(-1) ?? '');
  return `${encoded.slice(0, -1)}${alphabet.charAt(last + 1)}`;
}

/** Other bytes of the same length. */
function tamperedBase64url(encoded: string): string {
  const at = encoded.length >> 1;
  return `${encoded.slice(0, at)}${encoded.charAt(at) === 'A' ? 'B' : 'A'}${encoded.slice(at + 1)}`;
}

/** A document whose encoded payload is such a one, spelled otherwise. */
function withPayload(isSuch: (encoded: string) => boolean, otherwise: (encoded: string) => string): string {
  for (const filler of ['', '~~~???', '1', '11', '111']) {
    const document = writeDocument(spec({ extensions: `{"a":"${filler}"}` }));
    const encoded = sealedIn(document, '"payload":"');
    if (isSuch(encoded)) return replaced(document, encoded, otherwise(encoded));
  }
  throw new Error('no payload is such a one');
}

function inBase64(encoded: string): string {
  return encoded.replaceAll('-', '+').replaceAll('_', '/');
}

function withNewline(document: JsonDocument): JsonDocument {
  if (typeof document === 'string' || 'hex' in document) throw new Error('a short document');
  return { parts: [...document.parts, ['\n', 1]] };
}
