/**
 * What cellseal adds to the cryptography that it calls: cells per second beside the bare WebCrypto call on the same
 * bytes, in one run, with many under way at once. Ratios are what to quote; absolute figures are this machine's.
 *
 *     npm run bench
 */
import { cpus } from 'node:os';
import {
  activateKey,
  addKey,
  createKeyring,
  decryptCell,
  encryptCell,
  schema,
  table,
  text,
  uuid,
} from 'cellseal';
import { memoryKeyring, memoryRecords } from 'cellseal/memory';
import { rotate } from 'cellseal/rotation';
import { Bench } from 'tinybench';

const UNDER_WAY = 32;
const ROTATED_RECORDS = 10_000;

const people = table('people', { record: uuid('id'), encrypt: { email: text() } });
const keyring = await createKeyring(memoryKeyring(), { passphrase: 'a benchmark', iterations: 1_000 });
const id = { id: '8a1901e4-671b-431a-871c-eadb2942e9ee' };
const email = 'jane.doe@example.com';
const cell = await encryptCell(people, 'email', email, id, keyring);

const { subtle } = globalThis.crypto;
const key = await subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
const plaintext = new Uint8Array(1 + email.length);
const additionalData = new Uint8Array(38 + 89); // header and context of such a cell
const sealedWith = { name: 'AES-GCM', iv: new Uint8Array(12), additionalData };
const sealed = await subtle.encrypt(sealedWith, key, plaintext);

const many = (work: () => Promise<unknown>) => async (): Promise<void> => {
  await Promise.all(Array.from({ length: UNDER_WAY }, work));
};

const bench = new Bench({ time: 2_000, warmupTime: 500 });
bench
  .add(
    'WebCrypto encrypt',
    many(() => subtle.encrypt({ ...sealedWith, iv: randomIv() }, key, plaintext)),
  )
  .add(
    'encryptCell, warm',
    many(() => encryptCell(people, 'email', email, id, keyring)),
  )
  .add(
    'WebCrypto decrypt',
    many(() => subtle.decrypt(sealedWith, key, sealed)),
  )
  .add(
    'decryptCell, warm',
    many(() => decryptCell(people, 'email', cell, id, keyring)),
  );
await bench.run();

const rate = (name: string): number => throughput(name) * UNDER_WAY;
const rotationRate = await cellsRotatedPerSecond();
const rows = [
  row('encryptCell, warm', rate('encryptCell, warm'), rate('WebCrypto encrypt')),
  row('decryptCell, warm', rate('decryptCell, warm'), rate('WebCrypto decrypt')),
  row('rotate (open, seal, open again)', rotationRate, threeCalls()),
];
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${UNDER_WAY} under way`,
);
console.table(rows);

function row(what: string, ours: number, bare: number) {
  return {
    what,
    'cells/s': Math.round(ours),
    'bare calls, cells/s': Math.round(bare),
    ratio: Number((ours / bare).toFixed(2)),
  };
}

function throughput(name: string): number {
  const result = bench.getTask(name)?.result;
  return result && 'throughput' in result ? result.throughput.mean : Number.NaN;
}

function threeCalls(): number {
  return 1 / (1 / rate('WebCrypto encrypt') + 2 / rate('WebCrypto decrypt'));
}

async function cellsRotatedPerSecond(): Promise<number> {
  const records = memoryRecords();
  for (let i = 0; i < ROTATED_RECORDS; i++) {
    const own = { id: globalThis.crypto.randomUUID() };
    records.insert(people, { ...own, email: await encryptCell(people, 'email', email, own, keyring) });
  }
  await activateKey(keyring, await addKey(keyring));
  const began = performance.now();
  for await (const progress of rotate(schema([people]), { keyring, records })) void progress;
  return (ROTATED_RECORDS * 1_000) / (performance.now() - began);
}

function randomIv(): Uint8Array<ArrayBuffer> {
  return globalThis.crypto.getRandomValues(new Uint8Array(12));
}
