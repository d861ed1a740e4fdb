/** Looks people up by their e-mail addresses, before, while and after keys change, and holds every answer against a model. */
import {
  type Keyring,
  type Lookup,
  type MaybePromise,
  type SynchronousKeyring,
  activateKey,
  addKey,
  createKeyring,
  decryptCell,
  decryptCellSync,
  decryptRecord,
  encryptRecord,
  listKeys,
  lookup,
  lookupSync,
} from '../../src/index.js';
import { nodeEngine } from '../../src/node.js';
import { finishRotation, rotate } from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { randomFrom } from '../torture/random.js';
import { SearchModel } from './model.js';
import { type SearchPlace, type SearchPlaceName, type SearchRow, openSearchPlace } from './places.js';
import { RAW_KEY, emailOf, everything, people } from './world.js';

export interface SearchOptions {
  readonly store: SearchPlaceName;
  readonly records: number;
  /** Over all phases together. */
  readonly queries: number;
  readonly schema: string;
  readonly seed: number;
  /** Which engine the keyring is opened with. With the Node engine what is timed is synchronous. Default: WebCrypto. */
  readonly engine?: 'node' | 'webcrypto' | undefined;
  /** Rounds in which look-ups of tokens and of plaintext are timed. Default: 0, nothing is timed. */
  readonly rounds?: number;
}

export interface SearchReport {
  readonly queries: number;
  readonly writes: number;
  readonly wrong: number;
  readonly missing: number;
  /** Candidates of all look-ups that were none of those looked for. */
  readonly coincidences: number;
  /** The plan of a look-up under one index key, and under two. */
  readonly plans: readonly string[];
  readonly areIndexed: boolean;
  /** Whether the old keys could be suspended after each change. */
  readonly finished: number;
  readonly cost?: SearchCost;
}

/** What a look-up costs, over one of the same column in the clear, in one run: medians and quartiles of the rounds. */
export interface SearchCost {
  readonly whole: readonly number[];
  readonly query: readonly number[];
}

const BATCH = 1_000;
const QUERIES_A_ROUND = 300;

export async function search(options: SearchOptions): Promise<SearchReport> {
  const place = await openSearchPlace(options.store, options.schema);
  try {
    return await new Search(place, options).run();
  } finally {
    await place.close();
  }
}

class Search {
  readonly #place: SearchPlace;
  readonly #options: SearchOptions;
  readonly #random: (n: number) => number;
  readonly #model = new SearchModel();
  readonly #plans: string[] = [];
  #keyring!: Keyring;
  /** The same one, where its engine answers at once. */
  #atOnce: SynchronousKeyring | undefined;
  #queries = 0;
  #writes = 0;
  #wrong = 0;
  #missing = 0;
  #coincidences = 0;
  #next: number;

  constructor(place: SearchPlace, options: SearchOptions) {
    this.#place = place;
    this.#options = options;
    this.#random = randomFrom(options.seed);
    this.#next = options.records;
  }

  async run(): Promise<SearchReport> {
    const { engine, queries, rounds = 0 } = this.#options;
    const options = { rawKey: RAW_KEY };
    if (engine === 'node')
      this.#keyring = this.#atOnce = await createKeyring(memoryKeyring(), {
        ...options,
        engine: nodeEngine(),
      });
    else this.#keyring = await createKeyring(memoryKeyring(), options);
    await this.#fill();
    await this.#notePlan();
    const cost = rounds > 0 ? { cost: await this.#cost(rounds) } : {};
    const share = Math.ceil(queries / 7);
    await this.#look(share);
    let finished = 0;
    for (const kinds of [['data'], ['index'], ['data', 'index']] as const) {
      for (const kind of kinds) await activateKey(this.#keyring, await addKey(this.#keyring, { kind }));
      if (kinds.length === 1 && kinds[0] === 'index') await this.#notePlan();
      const isOver = { yes: false };
      const looking = this.#look(share, isOver);
      await this.#rotate();
      isOver.yes = true;
      await looking;
      const { isFinished } = await finishRotation(everything, {
        keyring: this.#keyring,
        records: this.#place.records,
        withoutHold: true,
      });
      if (isFinished) finished++;
      await this.#look(share);
    }
    return {
      queries: this.#queries,
      writes: this.#writes,
      wrong: this.#wrong,
      missing: this.#missing,
      coincidences: this.#coincidences,
      plans: this.#plans,
      areIndexed: this.#plans.every((plan) => this.#place.usesIndex(plan)),
      finished,
      ...cost,
    };
  }

  async #fill(): Promise<void> {
    const { records } = this.#options;
    for (let from = 1; from <= records; from += BATCH) {
      const ids = Array.from({ length: Math.min(BATCH, records - from + 1) }, (_, i) => from + i);
      const rows = await Promise.all(ids.map((id) => this.#row(id, emailOf(id))));
      const done = ids.map((id) => this.#model.write(id, lower(emailOf(id))));
      await this.#place.insert(rows);
      for (const end of done) end();
    }
    await this.#place.analyze();
  }

  async #row(id: number, email: string): Promise<SearchRow> {
    const row = await encryptRecord(people, { id, email }, this.#keyring);
    return { ...row, plain: lower(email) } as SearchRow;
  }

  async #rotate(): Promise<void> {
    const { records } = this.#place;
    const limits = { chunkRecords: Math.max(50, Math.floor(this.#options.records / 100)) };
    for await (const _ of rotate(everything, { keyring: this.#keyring, records, ...limits }));
  }

  /** At least so many look-ups, and writes beside them; on and on while something else is under way. */
  async #look(queries: number, isOver = { yes: true }): Promise<void> {
    const until = this.#queries + queries;
    const worker = async (): Promise<void> => {
      while (this.#queries < until || !isOver.yes) {
        if (this.#random(4) === 0) await this.#write();
        await this.#lookUp();
        await new Promise((resolve) => setImmediate(resolve)); // a driver of SQLite never waits
      }
    };
    await Promise.all([worker(), worker(), worker()]);
  }

  async #lookUp(): Promise<void> {
    this.#queries++;
    const id = 1 + this.#random(this.#options.records);
    const email = emailOf(id, this.#random(3) === 0 ? 1 + this.#random(3) : 0);
    const from = this.#model.moment();
    const asked = await lookup(people, 'email', email.toUpperCase(), this.#keyring);
    const rows = await this.#place.find(asked);
    const to = this.#model.moment();
    const found = new Set<number>();
    for (const { id, email } of rows) {
      const record = await decryptRecord(people, { id: Number(id), email }, this.#keyring);
      if (asked.matches(record)) found.add(Number(id));
      else this.#coincidences++;
    }
    const { missing, wrong } = this.#model.judge(lower(email), found, from, to);
    this.#missing += missing;
    this.#wrong += wrong;
  }

  async #write(): Promise<void> {
    this.#writes++;
    const kind = this.#random(8);
    const isNew = kind === 0;
    const id = isNew ? ++this.#next : 1 + this.#random(this.#options.records);
    if (this.#busy.has(id)) return;
    this.#busy.add(id);
    try {
      if (kind === 1) {
        const done = this.#model.write(id, undefined);
        await this.#place.remove(id);
        this.#gone.add(id);
        return done();
      }
      const email = emailOf(id, this.#random(4));
      const row = await this.#row(id, email);
      const done = this.#model.write(id, lower(email));
      if (isNew || this.#gone.delete(id)) await this.#place.insert([row]);
      else await this.#place.update(row);
      done();
    } finally {
      this.#busy.delete(id);
    }
  }

  readonly #busy = new Set<number>();
  readonly #gone = new Set<number>();

  async #notePlan(): Promise<void> {
    const asked = await lookup(people, 'email', emailOf(7), this.#keyring);
    const keys = listKeys(this.#keyring).filter(
      ({ kind, state }) => kind === 'index' && state !== 'suspended',
    );
    if (asked.tokens.length !== keys.length) throw new Error('a look-up asks for one token a live index key');
    this.#plans.push(await this.#place.plan(asked));
  }

  /** Alternating rounds, so that what drifts is on both sides alike. */
  async #cost(rounds: number): Promise<SearchCost> {
    const times = async (work: (email: string) => Promise<unknown>): Promise<number> => {
      const startedMs = performance.now();
      for (let i = 0; i < QUERIES_A_ROUND; i++) await work(emailOf(1 + this.#random(this.#options.records)));
      return performance.now() - startedMs;
    };
    const atOnce = this.#atOnce;
    const ask = (email: string): MaybePromise<Lookup> =>
      atOnce ? lookupSync(people, 'email', email, atOnce) : lookup(people, 'email', email, this.#keyring);
    const open = (cell: string, id: { id: number }): MaybePromise<string | null> =>
      atOnce
        ? decryptCellSync(people, 'email', cell, id, atOnce)
        : decryptCell(people, 'email', cell, id, this.#keyring);
    const whole = async (email: string): Promise<void> => {
      const asked = await ask(email);
      for (const { email, id } of await this.#place.find(asked)) {
        const value = await open(email, { id: Number(id) });
        if (!asked.matches({ email: value })) this.#coincidences++;
      }
    };
    const query = async (email: string): Promise<unknown> => this.#place.find(await ask(email));
    const plain = (email: string): Promise<unknown> => this.#place.findPlain(lower(email));
    const ratios: [whole: number[], query: number[]] = [[], []];
    for (let round = -1; round < rounds; round++) {
      const [first, all, tokens, last] = [
        await times(plain),
        await times(whole),
        await times(query),
        await times(plain),
      ];
      if (round < 0) continue; // warms up
      const clear = (first + last) / 2;
      ratios[0].push(all / clear);
      ratios[1].push(tokens / clear);
    }
    return { whole: quartiles(ratios[0]), query: quartiles(ratios[1]) };
  }
}

function quartiles(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return [25, 50, 75].map(
    (percent) => sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] as number,
  );
}

function lower(email: string): string {
  return email.toLowerCase();
}
