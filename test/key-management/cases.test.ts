/** The conformance suite of key management services, over the fake; and that it catches what does not conform. */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KeyManagementRefusedError } from '../../src/errors.js';
import type { KeyManagement } from '../../src/ports/key-management.js';
import { type KeyManagementSubject, keyManagementCases } from '../../src/testing/conformance.js';
import { fakeKeyManagement } from '../../src/testing/testing.js';
import { FAULTS, type Fault, subjectWith } from './faults.js';

describe('fakeKeyManagement', () => {
  for (const { name, run } of keyManagementCases(() => subjectWith(() => ({})))) it(name, run);
});

/** Which of the cases fail, of those whose names have `part` in them. */
async function failing(subject: () => KeyManagementSubject, part = ''): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of keyManagementCases(subject).filter((one) => one.name.includes(part))) {
    await run().catch(() => failed.push(name));
  }
  return failed;
}

describe('keyManagementCases', () => {
  it.each(FAULTS.map((fault) => [fault.name, fault] as const))(
    'finds a service that %s',
    async (_, { caughtBy, plant }: Fault) => {
      expect(await failing(() => subjectWith(plant), caughtBy)).not.toEqual([]);
    },
  );

  it('finds nothing in a service that is sound', async () => {
    expect(await failing(() => subjectWith(() => ({})))).toEqual([]);
  });

  it('finds nothing in a service that is sound, of which it gets one client and no other key', async () => {
    expect(await failing(() => ({ service: fakeKeyManagement() }))).toEqual([]);
  });

  it('finds nothing in a service that wraps the same secret in the same bytes, and answers at once', async () => {
    expect(await failing(() => ({ service: deterministic() }))).toEqual([]);
  });

  it('names the faulty thing, and shows no secret', async () => {
    const [first] = keyManagementCases(() => subjectWith(() => ({ wrap: () => new Uint8Array(9000) })));
    await expect(first?.run()).rejects.toThrow('The wrapped secret has 9000 bytes, which is over 8 KiB.');
  });

  it('closes what a case has opened, however the case ends', async () => {
    let open = 0;
    const cases = keyManagementCases(() => {
      open++;
      const broken = {
        keyName: 'broken',
        wrap: () => Promise.reject(new Error('no')),
        unwrap: () => new Uint8Array(),
      };
      return { service: broken, close: () => void open-- };
    });
    const outcomes = await Promise.allSettled(cases.map(({ run }) => run()));
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    expect(open).toBe(0);
  });

  it('has a name of its own for each case', () => {
    const names = keyManagementCases(() => ({ service: fakeKeyManagement() })).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('asks a service with short wrapped secrets about as often as it says', async () => {
    const service = fakeKeyManagement();
    expect(await failing(() => ({ service }))).toEqual([]);
    const asked = service.calls.wrap + service.calls.unwrap;
    expect(asked).toBeGreaterThan(300);
    expect(asked).toBeLessThan(600);
  });
});

/** AES-256-GCM whose IV is a MAC of secret and context: no randomness, no promise. */
function deterministic(): KeyManagement {
  const key = new Uint8Array(32).fill(9);
  const bind = ({ keyringId, slotId }: { keyringId: string; slotId: string }): Buffer =>
    Buffer.from(JSON.stringify([keyringId, slotId]));
  return {
    keyName: 'the same every time',
    wrap(secret, context) {
      const iv = createHmac('sha256', key).update(bind(context)).update(secret).digest().subarray(0, 12);
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(bind(context));
      return new Uint8Array(Buffer.concat([iv, cipher.update(secret), cipher.final(), cipher.getAuthTag()]));
    },
    unwrap(wrapped, context) {
      try {
        const cipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(0, 12), { authTagLength: 16 });
        cipher.setAAD(bind(context)).setAuthTag(wrapped.subarray(-16));
        const secret = Buffer.concat([cipher.update(wrapped.subarray(12, -16)), cipher.final()]);
        return new Uint8Array(secret);
      } catch {
        throw new KeyManagementRefusedError();
      }
    },
  };
}
