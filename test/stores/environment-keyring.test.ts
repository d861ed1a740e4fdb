/** A keyring in an environment variable: what is a document there, what is none, and what is refused. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  KeyringDamagedError,
  KeyringLimitError,
  KeyringNotFoundError,
  StoreUnfitError,
  addKey,
  createKeyring,
  listKeys,
  openKeyring,
} from '../../src/index.js';
import { environmentKeyring } from '../../src/store/environment-keyring.js';
import { memoryKeyring } from '../../src/store/memory.js';

const MIB = 1024 * 1024;
const rawKey = new Uint8Array(32).fill(7);
const base64url = (text: string): string => Buffer.from(text, 'utf8').toString('base64url');
const withPayload = (payload: string): string =>
  `{"payload":"${base64url(payload)}","mac":"${'A'.repeat(43)}"}`;

/** A keyring of three revisions, and its document as text. */
async function threeRevisions() {
  const store = memoryKeyring();
  const keyring = await createKeyring(store, { rawKey });
  await addKey(keyring);
  await addKey(keyring);
  const text = Buffer.from((await store.read(MIB))?.document ?? []).toString('utf8');
  return { keyring, text };
}

describe('a keyring in an environment variable', () => {
  it('opens as the one that it was copied from', async () => {
    const { keyring, text } = await threeRevisions();
    const opened = await openKeyring(environmentKeyring('KEYRING', { KEYRING: text }), { rawKey });
    expect([opened.id, opened.revision]).toEqual([keyring.id, 3]);
    expect(listKeys(opened)).toEqual(listKeys(keyring));
  });

  it.each(['\n', '\r\n'])('opens with the line end that a file has, %j', async (end) => {
    const { keyring, text } = await threeRevisions();
    const store = environmentKeyring('KEYRING', { KEYRING: text + end });
    expect((await openKeyring(store, { rawKey })).id).toBe(keyring.id);
  });

  it("is looked for in the process's own environment where no other is given, at every read", async () => {
    const store = environmentKeyring('CELLSEAL_TEST_KEYRING');
    expect(await store.read(MIB)).toBeUndefined();
    vi.stubEnv('CELLSEAL_TEST_KEYRING', withPayload('{"revision":4}'));
    expect((await store.read(MIB))?.revision).toBe(4);
    vi.unstubAllEnvs();
    expect(await store.read(MIB)).toBeUndefined();
  });

  it('is not found where the variable is not set, or empty', async () => {
    for (const environment of [{}, { KEYRING: undefined }, { KEYRING: '' }, { keyring: '{}' }]) {
      const store = environmentKeyring('KEYRING', environment);
      expect(await store.read(MIB)).toBeUndefined();
      await expect(openKeyring(store, { rawKey })).rejects.toBeInstanceOf(KeyringNotFoundError);
    }
  });

  it.each([
    ['white space', ' '],
    ['a path', '/run/secrets/keyring.json'],
    ['text', 'correct horse battery staple'],
    ['an empty object', '{}'],
    ['white space before the document', ` ${withPayload('{"revision":1}')}`],
    ['a byte order mark before the document', `\ufeff${withPayload('{"revision":1}')}`],
    ['quotes around the document', `'${withPayload('{"revision":1}')}'`],
    ['a payload that is not base64url', '{"payload":"A","mac":""}'],
    ['a payload with stray bits', '{"payload":"AB","mac":""}'],
    ['a payload that is no UTF-8', `{"payload":"${Buffer.of(0xff).toString('base64url')}","mac":""}`],
    ['a payload that is no JSON', withPayload('{"revision":1')],
    ['a payload that is null', withPayload('null')],
    ['no revision', withPayload('{"format":1}')],
    ['a revision of 0', withPayload('{"revision":0}')],
    ['a revision below 0', withPayload('{"revision":-1}')],
    ['a revision with a fraction', withPayload('{"revision":1.5}')],
    ['a revision as text', withPayload('{"revision":"1"}')],
    ['a revision that is not exact', withPayload('{"revision":9007199254740992}')],
  ])('is damaged where the variable holds %s', async (_, KEYRING) => {
    const store = environmentKeyring('KEYRING', { KEYRING });
    await expect(async () => store.read(MIB)).rejects.toThrow(KeyringDamagedError);
    await expect(openKeyring(store, { rawKey })).rejects.toBeInstanceOf(KeyringDamagedError);
  });

  it('is bounded in bytes, not in characters', async () => {
    const store = environmentKeyring('KEYRING', { KEYRING: 'é'.repeat(10) });
    await expect(async () => store.read(19)).rejects.toThrow(KeyringLimitError);
    await expect(async () => store.read(20)).rejects.toThrow(KeyringDamagedError);
  });

  it('is read as it is, at the revision of its payload', async () => {
    const revisions = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    await fc.assert(
      fc.asyncProperty(
        revisions,
        fc.jsonValue(),
        fc.string({ unit: 'binary' }),
        async (revision, slots, rest) => {
          const text = withPayload(JSON.stringify({ slots, revision })) + Buffer.from(rest).toString();
          const read = await environmentKeyring('KEYRING', { KEYRING: text }).read(MIB);
          expect(read?.revision).toBe(revision);
          expect(Buffer.from(read?.document ?? []).toString('utf8')).toBe(text);
        },
      ),
    );
  });

  it('is damaged, and nothing else, where the variable holds anything else', async () => {
    const anything = fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.json().map(withPayload));
    await fc.assert(
      fc.asyncProperty(anything, async (KEYRING) => {
        const store = environmentKeyring('KEYRING', { KEYRING });
        await expect(async () => store.read(MIB)).rejects.toThrow(KeyringDamagedError);
      }),
    );
  });

  it('is never changed: the change is refused, and the error says what to do', async () => {
    const { text } = await threeRevisions();
    const environment = Object.freeze({ KEYRING: text });
    const keyring = await openKeyring(environmentKeyring('KEYRING', environment), { rawKey });
    const refused = await addKey(keyring).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreUnfitError);
    expect((refused as Error).message).toMatch(/read only.*where it is kept/);
    await expect(createKeyring(environmentKeyring('OTHER', environment), { rawKey })).rejects.toBeInstanceOf(
      StoreUnfitError,
    );
    expect(keyring.revision).toBe(3);
  });

  it('is told in no error, and not by looking at the store', async () => {
    const canary = 'eyJjYW5hcnkiOjF9canary';
    const store = environmentKeyring('KEYRING', { KEYRING: `{"payload":"${canary}","mac":""}` });
    for (const work of [() => store.read(MIB), () => store.read(5), () => store.write({} as never)]) {
      const error = await (async () => work())().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('canary');
    }
    expect(inspect(store, { depth: 9 })).not.toContain('canary');
  });
});
