import { HEADER_BYTES, type Mode, PREFIX_BYTES, SUITE_1 } from './suite.js';

/** Every limit of cellseal, with its unit in its name. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** A framed value, frame byte and padding included, unless the definition raises it. */
export const DEFAULT_FRAMED_BYTES = MIB;
/** A framed value, at most, whatever the definition says. */
export const MAX_FRAMED_BYTES = 16 * MIB;
/** A context field's value, or a part of a record tuple. */
export const MAX_CONTEXT_FIELD_BYTES = KIB;
/** Every HKDF info, label included: Node's WebCrypto refuses more. */
export const MAX_HKDF_INFO_BYTES = 1024;
/** Bits of a blind index's token. */
export const MIN_INDEX_BITS = 8;
export const MAX_INDEX_BITS = 256;
/** What a UNIQUE constraint on tokens wants: two of 2^40 values collide with a probability of 2^-49. */
export const UNIQUE_INDEX_BITS = 128;
/** Possible values, as a power of two, that nobody can try one after the other. */
export const HIGH_ENTROPY_BITS = 80;
/** Fewer possible values than 2^20 can be tried by anyone who can have values encrypted, an account at a time. */
export const LOW_ENTROPY_BITS = 20;
/** The name of a transform of the application's own. */
export const MAX_TRANSFORM_CHARACTERS = 64;
/** Values of one look-up. */
export const MAX_LOOKUP_VALUES = 10_000;
/** Parts of a record tuple. */
export const MAX_TUPLE_PARTS = 255;
/** Padding blocks. */
export const MIN_PAD_BYTES = 2;
export const MAX_PAD_BYTES = 4096;

/** The shortest cells: a header, one byte of ciphertext, and what authenticates it. */
export const MIN_CELL_BYTES: Readonly<Record<Mode, number>> = Object.freeze({
  randomized: HEADER_BYTES + 1 + SUITE_1.tagBytes,
  deterministic: PREFIX_BYTES + SUITE_1.syntheticIvBytes + 1,
});

/** The longest cell of an attribute whose framed values may have `framedBytes`. */
export function maxCellBytes(mode: Mode, framedBytes: number): number {
  return MIN_CELL_BYTES[mode] - 1 + framedBytes;
}

/** From here on the Node engine hands a value to the thread pool. */
export const THREAD_POOL_BYTES = 256 * KIB;
/** Threads of one engine beside the calling one. */
export const MAX_THREADS = 64;
/** What goes to another thread at once: cells, and the bytes of what goes into them. */
export const BUNDLE_CELLS = 512;
export const BUNDLE_BYTES = 256 * KIB;
/** Of the cells that a bundle has room for, so many are kept for the record that comes next. */
export const SPARE_BUNDLE_CELLS = 32;
/** A cell with more bytes than this is left to the calling thread. */
export const MAX_BUNDLED_CELL_BYTES = 32 * KIB;
/** So many threads in a row that end without having done anything are the last that were tried. */
export const MAX_THREAD_FAILURES = 2;
/** Bundles that a thread has at once: one that it works on, and one that waits. */
export const BUNDLES_A_THREAD = 2;
/** Keys, and columns, that a thread is told before it forgets all of them. */
export const MAX_TOLD_THREAD = 1_024;

/** Cells sealed under one salt, all scopes counted together (docs/format.md §3: B in the collision bound). */
export const CELLS_PER_SALT = 2 ** 16;
/** Cells under one data key (docs/format.md §3): a keyring's policy may ask for fewer. */
export const MAX_CELLS_PER_KEY = 2 ** 48;
/** Derived cell keys held by one keyring. */
export const CELL_KEY_CACHE_ENTRIES = 4096;
/** Derived keys of blind indexes held by one keyring: one for each index, index key and tenant. */
export const TOKEN_KEY_CACHE_ENTRIES = 4096;

/** PBKDF2 iterations of a new passphrase slot; OWASP's floor for HMAC-SHA-512 is 220,000. */
export const DEFAULT_ITERATIONS = 250_000;
/** Bounds that a document is held to before anything is derived. */
export const MIN_ITERATIONS = 1_000;
export const MAX_ITERATIONS = 10_000_000;
export const MAX_PASSPHRASE_BYTES = KIB;
/** A passphrase with a note beside it; what is longer is no passphrase file. */
export const MAX_PASSPHRASE_FILE_BYTES = 16 * KIB;
export const MAX_SLOTS = 16;
export const MAX_KEYRING_BYTES = MIB;
export const MAX_ID_CHARACTERS = 64;
/** A slot's label, in UTF-16 units. */
export const MAX_LABEL_CHARACTERS = 128;
/** What a key management service calls its key. */
export const MAX_KEY_NAME_CHARACTERS = 512;
/** A slot's secret as a key management service wrapped it. */
export const MAX_WRAPPED_SECRET_BYTES = 8 * KIB;
/** Pages of tenants' keys. A page is written in two once it is over the first, and is never over the second. */
export const MAX_PAGES = 4_096;
export const PAGE_SPLIT_BYTES = 256 * KIB;
export const MAX_PAGE_BYTES = MIB;
/** Tenants fall into this many buckets by a hash; a page holds a range of them. */
export const MAX_PAGE_BUCKETS = 2 ** 16;
/** A payload that would be longer has its tenants' keys moved into pages, where the store has any. */
export const SPILL_BYTES = 256 * KIB;
/** Pages, and unwrapped data keys, held in memory. */
export const PAGE_CACHE_ENTRIES = 64;
export const DATA_KEY_CACHE_ENTRIES = 4_096;
/** A keyring that meets an unknown key id reloads at most this often; who asks sooner waits. */
export const MIN_RELOAD_INTERVAL_MS = 1_000;
/** What is read at once for callers who cannot wait: unknown keys, and pages of tenants' keys. */
export const MAX_READS_AHEAD = 1_024;

/** A keyring exported in one piece, its pages included. */
export const MAX_ARCHIVE_BYTES = 256 * MIB;
/** A keyring that has not been read for longer encrypts only after it was read again, unless its process says otherwise. */
export const DEFAULT_MAX_STALE_MS = 15 * 60_000;
/** How long encryption waits for a keyring that is stale, and closing for what is under way. */
export const MAX_STORE_WAIT_MS = 10_000;
/** How often a watched keyring is read. */
export const DEFAULT_WATCH_INTERVAL_MS = 30_000;
export const MIN_WATCH_INTERVAL_MS = 100;
/** How long a change waits for other processes to read it. */
export const DEFAULT_ACKNOWLEDGEMENT_MS = 60_000;
/** What a process writes down of itself. */
export const MAX_PROCESS_ENTRY_CHARACTERS = KIB;

/** Between the two counts that a key is suspended after: longer than a process is ever frozen. A policy may say otherwise. */
export const DEFAULT_HOLD_MS = 24 * 3_600_000;
export const MAX_HOLD_MS = 365 * 24 * 3_600_000;
/** Between scheduling a key's destruction and destroying it: at least as long as backups are kept. */
export const DEFAULT_DESTROY_DELAY_MS = 30 * 24 * 3_600_000;
export const MIN_DESTROY_DELAY_MS = 24 * 3_600_000;
export const MAX_DESTROY_DELAY_MS = 3_650 * 24 * 3_600_000;

/** Records encrypted or decrypted side by side by the functions that take many. */
export const DEFAULT_CONCURRENCY = 32;
export const MAX_CONCURRENCY = 1_024;
/** So long they work with an engine that answers at once before the event loop turns; a record that was begun is finished. */
export const TIME_SLICE_MS = 10;

/** IVs drawn at once, for cells of one record. */
export const MAX_IVS_AT_ONCE = 64;
/** A batch of fewer records is not worth another thread. */
export const MIN_SHARED_RECORDS = 500;
/** Records that go to another thread in one bundle, or are done by this one before it looks at the others again. */
export const MAX_SHARE_RECORDS = 128;
export const MIN_SHARE_RECORDS = 8;

/** A rotation's chunk: whichever is reached first. */
export const DEFAULT_CHUNK_RECORDS = 250;
export const MAX_CHUNK_RECORDS = 10_000;
export const DEFAULT_CHUNK_BYTES = 8 * MIB;
/** Swaps of one record version that may be lost before it is deferred to the next pass. */
export const MAX_LOST_SWAPS = 5;
/** Records of each table that a check of the schema looks at, half of them from each end. */
export const DEFAULT_LOOK_RECORDS = 1_000;
/** Passes over records that were deferred before a rotation stops and says they are hot. */
export const MAX_PASSES = 5;
/** Passes that are added because other keys were made active during one. */
export const MAX_TURNS = 3;
/** A store that is busy is asked again this often, with growing pauses, before the rotation gives up. */
export const MAX_BUSY_RETRIES = 8;
/** A commit that meets locks is tried again this often; then it is split, down to a record, which is deferred. */
export const MAX_COMMIT_RETRIES = 3;
/** How long a chunk is to take, unless its rotation says otherwise: sizes follow. */
export const DEFAULT_CHUNK_MS = 250;
/** The pause before a pass over records that were deferred; it doubles twice from pass to pass, up to the second. */
export const FIRST_PASS_PAUSE_MS = 100;
export const LONGEST_PASS_PAUSE_MS = 5_000;
/** While a rotation waits it looks at its job record this often: a pause takes effect within two seconds. */
export const JOB_LOOK_INTERVAL_MS = 1_000;
/** Records of one partition, unless the plan says otherwise. */
export const DEFAULT_PARTITION_RECORDS = 100_000;
/** More quarantined cells than this among the first 1,000, or this share of all: a wrong key, not bad records. */
export const MAX_QUARANTINED = 10;
export const MAX_QUARANTINED_SHARE = 0.001;
/** Tokens that a rotation has left of records whose cells can be read: so many are listed, all are counted. */
export const MAX_NOTES = 1_000;
/** Keys whose tags are written into a fence. */
export const MAX_FENCE_KEYS = 1_000;
/** How long a statement that raises a fence waits for writers. */
export const DEFAULT_FENCE_LOCK_TIMEOUT_MS = 5_000;
export const MAX_FENCE_LOCK_TIMEOUT_MS = 3_600_000;
/** A job record read back from a store. */
export const MAX_JOB_BYTES = 64 * KIB;
