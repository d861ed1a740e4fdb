// What the examples of doc comments take for granted: they show one name, not how to get there.
export {
  activateKey,
  addKey,
  boolean,
  bytes,
  createKeyring,
  date,
  decimal,
  decryptCell,
  decryptEach,
  decryptRecord,
  decryptRecords,
  encryptCell,
  encryptEach,
  encryptRecord,
  encryptRecords,
  float,
  integer,
  json,
  listKeys,
  openKeyring,
  refreshKeyring,
  resumeKey,
  schema,
  suspendKey,
  table,
  text,
  timestamp,
  uuid,
} from 'cellseal';
export { fileKeyring } from 'cellseal/file';
export { memoryKeyring, memoryRecords } from 'cellseal/memory';
export { census, listQuarantine, rotate } from 'cellseal/rotation';
export { sqliteRecords } from 'cellseal/sqlite';
export { customers, db, keyring } from '../customers-in-sqlite.js';
