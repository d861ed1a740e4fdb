/** What is turned off, and what is planted: all of it by decoration and configuration, from outside of src. */
import { type Knobs, SOUND } from './knobs.js';
import type { PlanBounds } from './plan.js';
import { PLANTS, type Plant } from './plants.js';

/** How a defence is turned off. */
export interface Defence {
  readonly name: string;
  /** What it does, in a line. */
  readonly does: string;
  readonly off: Partial<Knobs>;
}

/** What is run: with everything standing, or with something turned off, planted or spared. */
export interface Configuration {
  readonly without: readonly string[];
  readonly plant: Plant | undefined;
  /** Whether the plant's own surroundings are taken: only its own defence stands. */
  readonly isIsolated: boolean;
  /** A plant's surroundings without the plant. */
  readonly surroundingsOf: Plant | undefined;
}

export const COMPLETE: Configuration = {
  without: [],
  plant: undefined,
  isIsolated: false,
  surroundingsOf: undefined,
};

export function knobsOf({ without, plant, isIsolated, surroundingsOf }: Configuration): Knobs {
  const surroundings = isIsolated ? plant : surroundingsOf;
  const off = [...without, ...(surroundings?.without ?? [])].map(defenceNamed);
  return Object.assign({}, SOUND, ...off.map((defence) => defence.off), plant?.plants ?? {}) as Knobs;
}

export function boundsOf({ plant, isIsolated, surroundingsOf }: Configuration): PlanBounds {
  const surroundings = isIsolated ? plant : surroundingsOf;
  if (!surroundings) return { spared: [] };
  return {
    spared: surroundings.spared ?? [],
    guard: surroundings.guard,
    pinned: surroundings.pinned ?? {},
    ...(surroundings.aims ? { aims: surroundings.aims } : {}),
  };
}

export function defenceNamed(name: string): Defence {
  const found = DEFENCES.find((defence) => defence.name === name);
  if (!found) throw new TypeError(`there is no defence ${name}: --list names them`);
  return found;
}

export function plantNamed(name: string): Plant {
  const found = PLANTS.find((plant) => plant.name === name);
  if (!found) throw new TypeError(`there is no plant ${name}: --list names them`);
  return found;
}

const plantKnobs = (name: string): Partial<Knobs> => plantNamed(name).plants;

export const DEFENCES: readonly Defence[] = [
  { name: 'compare-and-swap', does: 'a swap compares the exact old bytes', off: { sql: { blind: true } } },
  { name: 'update-only', does: 'a rotation never inserts', off: { sql: { upsert: true } } },
  {
    name: 'checkpoint-with-work',
    does: 'the checkpoint is written with, or after, the work',
    off: { checkpointFirst: true },
  },
  {
    name: 'job-guard',
    does: 'the job record is written only over the one that was read',
    off: { sql: { unguardedJob: true } },
  },
  { name: 'keyset-pages', does: 'pages begin behind a key, not at an offset', off: { paging: 'offset' } },
  {
    name: 'done-flag',
    does: 'only the page itself says that the table ends',
    off: plantKnobs('error-as-end'),
  },
  { name: 'reread', does: 'a lost swap is looked at again', off: plantKnobs('lost-swap-is-gone') },
  { name: 'quarantine', does: 'what did not open stays as it is', off: plantKnobs('re-encrypt-unopened') },
  { name: 'self-check', does: 'a new cell is opened before it is written', off: plantKnobs('no-self-check') },
  {
    name: 'tag-check',
    does: 'a cell under the active key is not rewritten',
    off: plantKnobs('rewrite-current'),
  },
  {
    name: 'turn-within-page',
    does: 'keys that became active in the midst of a page are met before its checkpoint',
    off: plantKnobs('turn-at-next-look'),
  },
  { name: 'census', does: 'a key is suspended after a count, whatever the job says', off: { counts: false } },
  { name: 'second-census', does: 'it is counted again after the hold', off: { countsTwice: false } },
  { name: 'hold', does: 'the hold outlasts the longest pause', off: { holdMs: undefined } },
  { name: 'fence', does: 'the database refuses cells under old keys', off: { hasFence: false } },
  {
    name: 'introduction',
    does: 'all have read a key before it is made active',
    off: { waitsForReaders: false },
  },
  {
    name: 'acknowledgement',
    does: 'all write with the new key before the old one goes',
    off: { waitsForWriters: false },
  },
  {
    name: 'max-stale',
    does: 'a keyring that was not read for long does not encrypt',
    off: plantKnobs('frozen-clock'),
  },
  {
    name: 'keyring-swap',
    does: 'a keyring document is written only over the one before it',
    off: { keyringStore: 'last-write-wins' },
  },
  {
    name: 'durable-first',
    does: 'a key is durable before it is used',
    off: { keyringStore: 'write-behind' },
  },
  {
    name: 'revision-memory',
    does: 'a process never goes back to an older keyring',
    off: plantKnobs('accept-older-keyring'),
  },
  { name: 'refusal', does: 'what cannot be encrypted is not written', off: { writesPlaintext: true } },
  {
    name: 'token-sweep',
    does: 'a sweep makes tokens anew where it seals cells',
    off: plantKnobs('tokens-left-behind'),
  },
  {
    name: 'token-swap',
    does: 'a token is swapped on its old one, and on the cells that it is made from',
    off: { sql: { blindTokens: true } },
  },
  { name: 'token-patch', does: 'a patch has the tokens of what is in it', off: { patchesTokens: false } },
  {
    name: 'active-index-key',
    does: 'writers make tokens with the index key that is active',
    off: plantKnobs('index-key-kept'),
  },
  { name: 'token-census', does: 'tokens are counted, too', off: { sql: { countsNoTokens: true } } },
  { name: 'index-hold', does: 'an index key is held, behind a fence, too', off: { holdsIndexKeys: false } },
  {
    name: 'every-live-key',
    does: 'a look-up asks for a token under every key that is alive',
    off: plantKnobs('look-up-of-active-key'),
  },
  { name: 'fresh-look-up', does: 'each query has a look-up of its own', off: plantKnobs('look-up-kept') },
  { name: 'matches', does: 'candidates that do not match are left out', off: { filters: false } },
];
