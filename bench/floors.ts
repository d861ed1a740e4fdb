/**
 * The floors: the shortest correct code that a person would write for what cellseal does, without keys that can change.
 * docs/performance.md shows this file.
 */
import {
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
  webcrypto,
} from 'node:crypto';

type CryptoKey = webcrypto.CryptoKey;
const { subtle } = webcrypto;

// ── One value, bound to its record: node:crypto ─────────────────────────────────────────────────────────────────────

export function sealWithNode(key: KeyObject, value: string, place: string): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(Buffer.from(place));
  const sealed = [iv, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(sealed).toString('base64url');
}

export function openWithNode(key: KeyObject, cell: string, place: string): string {
  const bytes = Buffer.from(cell, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(place));
  decipher.setAuthTag(bytes.subarray(-16));
  return decipher.update(bytes.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8');
}

// ── One value, bound to its record: WebCrypto ───────────────────────────────────────────────────────────────────────

export async function sealWithSubtle(key: CryptoKey, value: string, place: string): Promise<string> {
  const iv = webcrypto.getRandomValues(new Uint8Array(12));
  const bound = { name: 'AES-GCM', iv, additionalData: Buffer.from(place) };
  const sealed = await subtle.encrypt(bound, key, Buffer.from(value));
  return Buffer.concat([iv, Buffer.from(sealed)]).toString('base64url');
}

export async function openWithSubtle(key: CryptoKey, cell: string, place: string): Promise<string> {
  const bytes = Buffer.from(cell, 'base64url');
  const bound = { name: 'AES-GCM', iv: bytes.subarray(0, 12), additionalData: Buffer.from(place) };
  return Buffer.from(await subtle.decrypt(bound, key, bytes.subarray(12))).toString();
}

// ── A record: each of its attributes ────────────────────────────────────────────────────────────────────────────────

type Row = Record<string, string>;

export function eachWithNode(work: typeof sealWithNode, key: KeyObject, names: string[], row: Row): Row {
  const copy = { ...row };
  for (const name of names) copy[name] = work(key, row[name] as string, `people/${name}/${row['id']}`);
  return copy;
}

export async function eachWithSubtle(
  work: typeof sealWithSubtle,
  key: CryptoKey,
  names: string[],
  row: Row,
): Promise<Row> {
  const copy = { ...row };
  await Promise.all(
    names.map(async (name) => {
      copy[name] = await work(key, row[name] as string, `people/${name}/${row['id']}`);
    }),
  );
  return copy;
}

// ── Many: so many under way at once ─────────────────────────────────────────────────────────────────────────────────

export async function atOnce<T, U>(
  concurrency: number,
  items: readonly T[],
  work: (item: T) => Promise<U>,
): Promise<U[]> {
  const done: U[] = [];
  const left = items.entries();
  const worker = async () => {
    for (const [i, item] of left) done[i] = await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return done;
}

// ── A value under a key that its salt derives ───────────────────────────────────────────────────────────────────────

export function deriveWithNode(key: KeyObject, salt: Uint8Array): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', key, salt, 'people', 32)));
}

export function deriveWithSubtle(key: CryptoKey, salt: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const parameters = { name: 'HKDF', hash: 'SHA-256', salt, info: Buffer.from('people') };
  return subtle.deriveKey(parameters, key, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

// ── A token to look a value up by ───────────────────────────────────────────────────────────────────────────────────

export function tokenWithNode(key: KeyObject, value: string): string {
  const alike = value.trim().normalize('NFC').toLowerCase().normalize('NFC');
  return createHmac('sha256', key).update(`people/email/${alike}`).digest('hex');
}

export async function tokenWithSubtle(key: CryptoKey, value: string): Promise<string> {
  const alike = value.trim().normalize('NFC').toLowerCase().normalize('NFC');
  return Buffer.from(await subtle.sign('HMAC', key, Buffer.from(`people/email/${alike}`))).toString('hex');
}

// ── A rotation: its cryptography without a store, and its swaps without cryptography ────────────────────────────────

export function renewWithNode(old: KeyObject, key: KeyObject, cell: string, place: string): string {
  const value = openWithNode(old, cell, place);
  const renewed = sealWithNode(key, value, place);
  if (openWithNode(key, renewed, place) !== value) throw new Error('not what was sealed');
  return renewed;
}

export async function renewWithSubtle(
  old: CryptoKey,
  key: CryptoKey,
  cell: string,
  place: string,
): Promise<string> {
  const value = await openWithSubtle(old, cell, place);
  const renewed = await sealWithSubtle(key, value, place);
  if ((await openWithSubtle(key, renewed, place)) !== value) throw new Error('not what was sealed');
  return renewed;
}

interface Stored {
  readonly id: number;
  readonly email: string;
  readonly phone: string;
  readonly notes: string;
}

interface Sqlite {
  exec(sql: string): unknown;
  prepare(sql: string): {
    all(...values: (string | number)[]): unknown[];
    run(...values: (string | number)[]): { readonly changes: number | bigint };
  };
}

const swapped = (cell: string): string => `${cell.slice(0, -4)}AAAA`;

/** The next page after `id`; gives the last id, `undefined` at the end. */
export function swapInSqlite(client: Sqlite, table: string, id: number, limit: number): number | undefined {
  const rows = client
    .prepare(`SELECT id, email, phone, notes FROM ${table} WHERE id > ? ORDER BY id LIMIT ?`)
    .all(id, limit) as Stored[];
  const update = client.prepare(
    `UPDATE ${table} SET email = ?, phone = ?, notes = ? WHERE id = ? AND email = ? AND phone = ? AND notes = ?`,
  );
  client.exec('BEGIN IMMEDIATE');
  for (const { id, email, phone, notes } of rows)
    update.run(swapped(email), swapped(phone), swapped(notes), id, email, phone, notes);
  client.exec('COMMIT');
  return rows.at(-1)?.id;
}

interface Postgres {
  query(sql: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>;
}

export async function swapInPostgres(
  client: Postgres,
  table: string,
  id: number,
  limit: number,
): Promise<number | undefined> {
  const { rows } = await client.query(
    `SELECT id::int, email, phone, notes FROM ${table} WHERE id > $1 ORDER BY id LIMIT $2`,
    [id, limit],
  );
  const swaps = (rows as Stored[]).map(({ id, email, phone, notes }) => {
    const cells = { e: swapped(email), p: swapped(phone), n: swapped(notes) };
    return { id, email, phone, notes, ...cells };
  });
  await client.query(
    `UPDATE ${table} AS t SET email = s.e, phone = s.p, notes = s.n
       FROM json_to_recordset($1::text::json)
         AS s(id bigint, email text, phone text, notes text, e text, p text, n text)
      WHERE t.id = s.id AND t.email = s.email AND t.phone = s.phone AND t.notes = s.notes`,
    [JSON.stringify(swaps)],
  );
  return swaps.at(-1)?.id;
}
