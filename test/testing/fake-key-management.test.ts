/** The fake says what it is, counts, and is down when it is told to be. That it keeps the contract: `../key-management`. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { fakeKeyManagement } from '../../src/testing/testing.js';

const CONTEXT = { keyringId: 'kr_a', slotId: 'sl_a' };
const secret = new Uint8Array(32).fill(5);

describe('fakeKeyManagement', () => {
  it('says that it is a fake, whatever it is called', () => {
    expect(fakeKeyManagement().keyName).toMatch(/^FAKE /);
    expect(fakeKeyManagement({ name: 'arn:aws:kms:eu-central-1:1:key/2' }).keyName).toMatch(/^FAKE arn:/);
    expect(fakeKeyManagement({ name: 'k'.repeat(400) }).keyName.length).toBeLessThanOrEqual(512);
    expect(() => fakeKeyManagement({ name: 'k'.repeat(401) })).toThrow(RangeError);
  });

  it('counts its calls, those that are refused or fail included', async () => {
    const fake = fakeKeyManagement();
    expect(fake.calls).toEqual({ wrap: 0, unwrap: 0 });
    const wrapped = new Uint8Array(await fake.wrap(secret, CONTEXT));
    await fake.unwrap(wrapped, CONTEXT);
    await expect(fake.unwrap(new Uint8Array(3), CONTEXT)).rejects.toMatchObject({ code: 'kms-refused' });
    fake.startOutage();
    await expect(fake.wrap(secret, CONTEXT)).rejects.toThrow('down');
    expect(fake.calls).toEqual({ wrap: 2, unwrap: 2 });
  });

  it('is down from startOutage to endOutage, with the error that it was given', async () => {
    const fake = fakeKeyManagement();
    const wrapped = new Uint8Array(await fake.wrap(secret, CONTEXT));
    const error = new TypeError('fetch failed');
    fake.startOutage(error);
    await expect(fake.unwrap(wrapped, CONTEXT)).rejects.toBe(error);
    await expect(fake.wrap(secret, CONTEXT)).rejects.toBe(error);
    fake.endOutage();
    expect(await fake.unwrap(wrapped, CONTEXT)).toEqual(secret);
  });

  it('unwraps what another with the same key has wrapped, and nothing else', async () => {
    const key = new Uint8Array(32).fill(9);
    const here = fakeKeyManagement({ key });
    const there = fakeKeyManagement({ key: key.slice() });
    key.fill(0); // it has its own copy
    const wrapped = new Uint8Array(await here.wrap(secret, CONTEXT));
    expect(await there.unwrap(wrapped, CONTEXT)).toEqual(secret);
    await expect(fakeKeyManagement().unwrap(wrapped, CONTEXT)).rejects.toMatchObject({ code: 'kms-refused' });
  });

  it('takes a key of 32 bytes and no other', () => {
    for (const length of [0, 16, 31, 33])
      expect(() => fakeKeyManagement({ key: new Uint8Array(length) })).toThrow('exactly 32 bytes');
  });

  it('shows no key when it is printed', () => {
    const printed = inspect(fakeKeyManagement({ key: new Uint8Array(32).fill(0xa7) }), {
      depth: 9,
      showHidden: true,
    });
    expect(printed).not.toMatch(/167, 167|a7a7/);
  });
});
