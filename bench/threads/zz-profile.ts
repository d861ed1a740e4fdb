import { activateKey, addKey, createKeyring, encryptRecords } from 'cellseal';
import { memoryKeyring } from 'cellseal/memory';
import { nodeEngine } from '../engines.js';
import { fulfilled } from '../outcomes.js';
import { type ThreeCells, people } from '../rotation/three-cells.js';
import { rewriting, threeTexts } from './rotation.js';
const rawKey = globalThis.crypto.getRandomValues(new Uint8Array(32));
const keyring = await createKeyring(memoryKeyring(), { rawKey, engine: nodeEngine });
const n = 10000;
const stored = fulfilled(await encryptRecords(people, Array.from({length: n}, (_, i) => threeTexts(i+1)), keyring)) as ThreeCells[];
await activateKey(keyring, await addKey(keyring));
const found = stored.map((row) => ({ key: String(row.id), id: [row.id], cells: [row.email, row.phone, row.notes] }));
const t: number[] = [];
for (let r = 0; r < 12; r++) { t.push(await rewriting(keyring, found as any, 1000)); }
console.log(t.map((x) => (x * 1000 / (3*n)).toFixed(2)).join(' '), 'µs a cell');
