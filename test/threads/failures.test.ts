/** Threads that end, that cannot start, that are closed, and keys that are to be forgotten. */
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type NodeEngine, nodeEngine } from '../../src/engine/node.js';
import { giveThreads, threadsOf } from '../../src/engine/threads/registry.js';
import {
  DefinitionError,
  type SynchronousKeyring,
  activateKey,
  addKey,
  closeKeyring,
  createKeyring,
  decryptRecords,
  encryptRecords,
  integer,
  openKeyring,
  schema,
  table,
  text,
} from '../../src/index.js';
import type { CellBundle, CellThreads, ThreadKey, ThreadPlace } from '../../src/ports/cell-threads.js';
import { census, rotate } from '../../src/rotation/index.js';
import { memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { counted, started, threadedEngine } from './support.js';

const rawKey = new Uint8Array(32).fill(5);
const people = table('people', { record: integer('id'), encrypt: { email: text() } });
const records = Array.from({ length: 2_000 }, (_, id) => ({ id, email: `${id}@example.org` }));

/** A cell under what is no key: it ends the thread. */
function poison(bundle: CellBundle): void {
  const key: ThreadKey = {
    keyId: 'none',
    keyIdBytes: new Uint8Array(16),
    prefix: new Uint8Array(18),
    key: {},
  };
  const place: ThreadPlace = {
    scope: { context: new Uint8Array(8) },
    context: { before: new Uint8Array(8), record: undefined },
  };
  bundle.seal(key, place, new Uint8Array(8), () => undefined);
}

/** An engine that puts a poisoned cell behind what is in a bundle, where `isPoisoned` says so of its number, counted from 0. */
function poisonedWhere(engine: NodeEngine, isPoisoned: (nth: number) => boolean): NodeEngine {
  const inner = threadsOf(engine) as CellThreads;
  let bundles = 0;
  const poisoned: NodeEngine = { ...engine };
  giveThreads(poisoned, {
    count: inner.count,
    forgetKeys: () => inner.forgetKeys(),
    send: (fill) =>
      inner.send((bundle) => {
        fill(bundle);
        if (isPoisoned(bundles++)) poison(bundle);
      }),
  });
  return poisoned;
}

/** An engine of which a thread ends with the bundle of this number. */
function endingWith(engine: NodeEngine, nth: number): NodeEngine {
  return poisonedWhere(engine, (one) => one === nth);
}

async function seals(keyring: SynchronousKeyring): Promise<number> {
  const outcomes = await encryptRecords(people, records, keyring);
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

afterEach(() => vi.restoreAllMocks());

describe('a thread that ends in the midst of its work', () => {
  it.each([0, 1])(
    'fails the records that it had (bundle %i), with an error of their own, and no others',
    async (nth) => {
      const { engine } = await threadedEngine();
      const keyring = await createKeyring(memoryKeyring(), { rawKey, engine: endingWith(engine, nth) });
      const outcomes = await encryptRecords(people, records, keyring);
      const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(failed.length).toBeGreaterThan(0);
      expect(failed.length).toBeLessThan(600);
      for (const { reason } of failed)
        expect(reason).toMatchObject({ code: 'thread-failed', name: 'ThreadFailedError' });
      const rows = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const alone = await decryptRecords(people, rows, keyring);
      expect(alone.every(({ status }) => status === 'fulfilled')).toBe(true);

      await started(engine); // another one
      const { sent, engine: again } = counted(engine);
      expect(await seals(await createKeyring(memoryKeyring(), { rawKey, engine: again }))).toBe(
        records.length,
      );
      expect(sent.seal).toBeGreaterThan(0);
    },
  );

  it('whenever it is given anything is not tried for ever', async () => {
    const { engine } = await threadedEngine();
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    let bundles = 0;
    const poisoned = poisonedWhere(engine, () => ++bundles > 0);
    const keyring = await createKeyring(memoryKeyring(), { rawKey, engine: poisoned });
    await vi.waitFor(async () => {
      await seals(keyring);
      expect(warned).toHaveBeenCalled();
    }, 10_000);
    expect(warned).toHaveBeenCalledOnce();
    expect(warned.mock.calls[0]?.[0]).toContain('A thread for cells ended again before it had done anything');
    const before = bundles;
    expect(await seals(keyring)).toBe(records.length);
    expect(bundles).toBe(before);
  });

  it('stops a rotation, which loses nothing and goes on when it is called again', async () => {
    const { engine } = await threadedEngine();
    const keyrings = memoryKeyring();
    const keyring = await createKeyring(keyrings, { rawKey, engine: endingWith(engine, 6) });
    const store = memoryRecords();
    const writer = await openKeyring(keyrings, { rawKey });
    for (const outcome of await encryptRecords(people, records, writer)) {
      if (outcome.status === 'rejected') throw outcome.reason;
      store.insert(people, outcome.value);
    }
    await activateKey(keyring, await addKey(keyring));
    const options = { keyring, records: store, chunkRecords: 500 };
    const rotation = async (): Promise<void> => {
      for await (const _ of rotate(schema([people]), options));
    };
    await expect(rotation()).rejects.toMatchObject({ code: 'thread-failed' });
    await rotation();
    expect(Object.keys((await census(schema([people]), options)).cells)).toHaveLength(1);
    const read = await decryptRecords(
      people,
      store.rows(people) as never[],
      await openKeyring(keyrings, { rawKey }),
    );
    expect(read.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason))).toEqual(
      records,
    );
  });
});

describe('an engine whose threads are closed', () => {
  it('has finished what it had, and works on alone', async () => {
    const { engine, sent } = await threadedEngine();
    const keyring = await createKeyring(memoryKeyring(), { rawKey, engine });
    const working = seals(keyring);
    await Promise.all([engine.close(), engine.close()]);
    expect(await working).toBe(records.length);
    const before = { ...sent };
    expect(await seals(keyring)).toBe(records.length);
    expect(sent).toEqual(before);
    await engine.close();
  });

  it('may be closed while they start, or before', async () => {
    const engine = nodeEngine({ threads: 2 });
    const keyring = await createKeyring(memoryKeyring(), { rawKey, engine });
    const working = seals(keyring);
    await engine.close();
    expect(await working).toBe(records.length);
    await nodeEngine({ threads: 1 }).close();
    await nodeEngine().close();
  });
});

describe('a thread', () => {
  it('forgets its keys when a keyring is closed, and is told again of those that are still open', async () => {
    const { engine, sent } = await threadedEngine();
    const [first, second] = [
      await createKeyring(memoryKeyring(), { rawKey, engine }),
      await createKeyring(memoryKeyring(), { rawKey, engine }),
    ];
    expect(await seals(first)).toBe(records.length);
    expect(await seals(second)).toBe(records.length);
    const forgetting = vi.spyOn(threadsOf(engine) as CellThreads, 'forgetKeys');
    const working = seals(second);
    await closeKeyring(first);
    expect(forgetting).toHaveBeenCalledOnce();
    expect(await working).toBe(records.length);
    sent.seal = 0;
    expect(await seals(second)).toBe(records.length);
    expect(sent.seal).toBeGreaterThan(0);
  });

  it('is wanted in whole numbers', () => {
    for (const threads of [-1, 65, 1.5, Number.NaN, '2' as never]) {
      expect(() => nodeEngine({ threads })).toThrow(DefinitionError);
    }
    expect(threadsOf(nodeEngine())).toBeUndefined();
    expect(threadsOf(nodeEngine({ threads: 1 }))).toBeDefined();
    // What is made of it does more, or less: its threads would not.
    expect(threadsOf({ ...nodeEngine({ threads: 1 }) })).toBeUndefined();
  });

  it('that cannot start is told once, as a warning, and the work is done without it', async () => {
    vi.resetModules();
    vi.doMock('../../src/engine/threads/program.js', () => ({ program: 'throw new Error("no start");' }));
    onTestFinished(() => vi.doUnmock('../../src/engine/threads/program.js'));
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const [fresh, node, memory] = await Promise.all([
      import('../../src/index.js'),
      import('../../src/engine/node.js'),
      import('../../src/store/memory.js'),
    ]);
    const engine = node.nodeEngine({ threads: 2 });
    const keyring = await fresh.createKeyring(memory.memoryKeyring(), { rawKey, engine });
    const definition = fresh.table('people', {
      record: fresh.integer('id'),
      encrypt: { email: fresh.text() },
    });
    const sealed = async (): Promise<void> => {
      const outcomes = await fresh.encryptRecords(definition, records, keyring);
      expect(outcomes.every(({ status }) => status === 'fulfilled')).toBe(true);
    };
    for (let i = 0; i < 3; i++) await sealed();
    await vi.waitFor(() => expect(warned).toHaveBeenCalled());
    expect(warned).toHaveBeenCalledOnce();
    expect(warned.mock.calls[0]?.[0]).toBe(
      'A thread for cells could not be started, so that the work is done without it: no start',
    );
    await sealed();
    await engine.close();
  });
});
