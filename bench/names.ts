/** What contenders and tables are called, in reports and documents. */

export const NODE_FLOOR = 'floor: node:crypto';
export const SUBTLE_FLOOR = 'floor: WebCrypto';
export const NODE_ENGINE = 'cellseal, Node engine';
export const NODE_SYNC = 'cellseal, Node engine, synchronous';
export const WEBCRYPTO = 'cellseal, WebCrypto';

export const ENCRYPTING = 'Encrypting one value, one after another';
export const DECRYPTING = 'Decrypting one value, one after another';
export const ENCRYPTING_AT_ONCE = 'Encrypting values of 64 bytes, so many under way at once';
export const DECRYPTING_AT_ONCE = 'Decrypting values of 64 bytes, so many under way at once';
export const ENCRYPTING_BATCHES = 'Encrypting batches of records with a value of 64 bytes';
export const DECRYPTING_BATCHES = 'Decrypting batches of records with a value of 64 bytes';
export const ENCRYPTING_RECORDS = 'Encrypting records with so many attributes of 64 bytes';
export const DECRYPTING_RECORDS = 'Decrypting records with so many attributes of 64 bytes';
export const BESIDE_ONE_CELL = 'A record of 5 attributes beside one of its cells';
export const COLD = 'Decrypting cells of 64 bytes, each under a salt of its own, none met before';
export const DELAY = 'Longest delay of the event loop while a batch of values of 64 bytes is encrypted';
export const LOOKUP = 'The token to look an e-mail address up by';
export const STORED = 'Bytes stored';
export const IMPORTING = 'Importing, in a new process';
export const ROTATING = 'Rotating records of three cells of 64 bytes';

export const THREADED_ENCRYPTING = 'Encrypting batches of records with another thread';
export const THREADED_DECRYPTING = 'Decrypting batches of records with another thread';
export const THREADED_ROTATING = 'Rotating with another thread';

/** In {@link BESIDE_ONE_CELL}. */
export const ONE_CELL = 'one cell';
export const ONE_RECORD = 'a record';
/** In {@link THREADED_ENCRYPTING} and the like. */
export const NO_THREAD = 'the calling thread alone';
/** In {@link IMPORTING}. */
export const ROOT_ENTRY = 'cellseal';
/** In {@link ROTATING}. */
export const CRYPTOGRAPHY_FLOOR = 'floor: the cryptography without a store';
export const SWAPS_FLOOR = 'floor: the swaps without cryptography';
export const BOTH_FLOORS = 'both floors';
export const ROTATION = 'rotate';

/** `64 B`, `4 KiB`. */
export function bytesLabel(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  return bytes < 1_048_576 ? `${bytes / 1_024} KiB` : `${bytes / 1_048_576} MiB`;
}
