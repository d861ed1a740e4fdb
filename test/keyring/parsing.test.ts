/** What the payload of a document may say, beside the vectors of keyring-documents.json. */
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { openKeyringIn } from '../../src/keyring/index.js';
import {
  type Known,
  type Payload,
  RAW_KEY,
  codeOf,
  environment,
  forge,
  holding,
  knownKeyring,
  payloadOf,
  payloadTextOf,
  stored,
} from './support.js';

/** The document of a keyring with its payload edited, under the right MAC. */
async function edited({ store, rootKey }: Known, edit: (payload: Payload) => void): Promise<Bytes> {
  const payload = payloadOf((await stored(store)).document);
  edit(payload);
  return forge(rootKey, payload);
}

async function opening(document: Bytes, revision = 1): Promise<unknown> {
  return codeOf(openKeyringIn(environment(), holding(document, revision), { rawKey: RAW_KEY }));
}

describe('a payload', () => {
  it('has an integer tenant of at most 1,024 characters, as every context has', async () => {
    const known = await knownKeyring();
    const withTenant = (integer: string): Promise<Bytes> =>
      edited(known, ({ keys }) => {
        keys[0] = { kind: 'data', tenant: { integer }, ...keys[0] };
      });
    expect(await opening(await withTenant('7'.repeat(1024)))).toBe('success');
    expect(await opening(await withTenant('7'.repeat(1025)))).toBe('keyring-damaged');
    expect(await opening(await withTenant(`-${'7'.repeat(1024)}`))).toBe('keyring-damaged');
  });

  it('names a predecessor in every revision but the first', async () => {
    const known = await knownKeyring();
    const previous = 'A'.repeat(43);
    const [first, second] = [1, 2].map(
      (revision) => (at: string | null) =>
        edited(known, (payload) => {
          Object.assign(payload, { revision, previous: at });
        }),
    ) as [(at: string | null) => Promise<Bytes>, (at: string | null) => Promise<Bytes>];
    expect(await opening(await first(null), 1)).toBe('success');
    expect(await opening(await first(previous), 1)).toBe('keyring-damaged');
    expect(await opening(await second(previous), 2)).toBe('success');
    expect(await opening(await second(null), 2)).toBe('keyring-damaged');
  });

  it('has extensions 64 levels deep at most, whatever the stack of the runtime allows', async () => {
    const known = await knownKeyring();
    const text = payloadTextOf((await stored(known.store)).document);
    const nested = (levels: number): Bytes => {
      const inner = `${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}`;
      return forge(known.rootKey, text.replace('"extensions":{}', `"extensions":{"a":${inner}}`));
    };
    expect(await opening(nested(64))).toBe('success');
    expect(await opening(nested(65))).toBe('keyring-limit');
    expect(await opening(nested(500))).toBe('keyring-limit');
    expect(await opening(nested(300_000))).toBe('keyring-limit');
  });
});
