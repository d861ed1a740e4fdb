import { createHmac, randomBytes } from 'node:crypto';
import type { Bytes } from '../../src/bytes.js';
import { AuthenticationError, KeyManagementRefusedError } from '../../src/errors.js';
import type { KeyManagement, KeyManagementContext } from '../../src/ports/key-management.js';
import type { KeyManagementSubject } from '../../src/testing/conformance.js';
import { fakeKeyManagement } from '../../src/testing/testing.js';

/** A service that is sound but for one thing. */
export interface Fault {
  readonly name: string;
  /** Part of the name of a case that finds it. */
  readonly caughtBy: string;
  plant(sound: KeyManagement): Partial<KeyManagement>;
}

const KEY = new Uint8Array(32).fill(7);

/** A sound service with what the fault puts in its place; `another` is planted anew, as in another process. */
export function subjectWith(plant: Fault['plant']): KeyManagementSubject {
  const make = (key: Uint8Array): KeyManagement => {
    const sound = fakeKeyManagement({ key });
    const { keyName, unwrap, wrap } = sound;
    // As descriptors: a planted getter stays one.
    return Object.defineProperties({ keyName, unwrap, wrap }, Object.getOwnPropertyDescriptors(plant(sound)));
  };
  return {
    service: make(KEY),
    another: () => make(KEY),
    underAnotherKey: () => make(new Uint8Array(32).fill(8)),
  };
}

type Unwrap = KeyManagement['unwrap'];

/** Binds to less, or to something else, than the whole context. */
function binding(
  what: string,
  caughtBy: string,
  look: (context: KeyManagementContext) => KeyManagementContext,
): Fault {
  return {
    name: `binds to ${what}`,
    caughtBy,
    plant: (sound) => ({
      wrap: (secret, context) => sound.wrap(secret, look(context)),
      unwrap: (wrapped, context) => sound.unwrap(wrapped, look(context)),
    }),
  };
}

/** Joins the ids, so that contexts meet. */
function joining(between: string): Fault {
  return binding(`ids joined by '${between}'`, `when they are joined by '${between}'`, (context) => ({
    keyringId: `${context.keyringId}${between}${context.slotId}`,
    slotId: '',
  }));
}

/** Does something to what comes out. */
function giving(name: string, caughtBy: string, change: (secret: Bytes) => unknown): Fault {
  return {
    name,
    caughtBy,
    plant: (sound) => ({
      unwrap: async (wrapped, context) =>
        change(new Uint8Array(await sound.unwrap(wrapped, context))) as Uint8Array,
    }),
  };
}

/** Does something to what goes in, and wraps as many bytes as there are. */
function wrapping(name: string, caughtBy: string, change: (secret: Bytes) => Uint8Array): Fault {
  return {
    name,
    caughtBy,
    plant: (sound) => ({
      wrap: (secret, context) => sound.wrap(new Uint8Array(change(secret)), context),
    }),
  };
}

/** Unwraps something else than it was given. */
function looking(name: string, caughtBy: string, look: (wrapped: Bytes) => Bytes): Fault {
  return {
    name,
    caughtBy,
    plant: (sound) => ({ unwrap: (wrapped, context) => sound.unwrap(look(wrapped), context) }),
  };
}

/** Adds bytes around the wrapped secret that nothing authenticates. */
function framing(name: string, caughtBy: string, before: number, after: number): Fault {
  return {
    name,
    caughtBy,
    plant: (sound) => ({
      async wrap(secret, context) {
        const wrapped = await sound.wrap(secret, context);
        return Uint8Array.of(...new Uint8Array(before).fill(1), ...wrapped, ...new Uint8Array(after).fill(2));
      },
      unwrap: (wrapped, context) =>
        sound.unwrap(wrapped.slice(before, after === 0 ? undefined : -after), context),
    }),
  };
}

/** Refuses with something else. */
function refusing(
  name: string,
  caughtBy: string,
  refuse: (wrapped: Bytes, secret: () => Promise<Uint8Array>) => unknown,
): Fault {
  return {
    name,
    caughtBy,
    plant(sound) {
      // What it has wrapped, so that it knows the secret that it must not show.
      const known: { secret: Bytes; context: KeyManagementContext; wrapped: Bytes }[] = [];
      return {
        async wrap(secret, context) {
          const wrapped = new Uint8Array(await sound.wrap(secret, context));
          known.push({ secret: secret.slice(), context, wrapped });
          return wrapped.slice();
        },
        async unwrap(wrapped, context) {
          try {
            return await sound.unwrap(wrapped, context);
          } catch {
            throw await refuse(wrapped, async () => known.at(-1)?.secret ?? new Uint8Array(32));
          }
        },
      };
    },
  };
}

const refusal = (facts: object): Error => Object.assign(new KeyManagementRefusedError(), facts);
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function telling(how: string, facts: (secret: Uint8Array) => object): Fault {
  return refusing(`tells the secret in ${how}`, 'nothing of the secret in an error', async (_, secret) =>
    refusal(facts(await secret())),
  );
}

/** An error of another class, where a sound service refuses. */
function throwing(
  what: string,
  caughtBy: string,
  when: (wrapped: Bytes) => boolean,
  error: () => unknown,
): Fault {
  return refusing(`throws ${what}`, caughtBy, (wrapped) =>
    when(wrapped) ? error() : new KeyManagementRefusedError(),
  );
}

const named = (keyName: unknown, what: string): Fault => ({
  name: `has ${what}`,
  caughtBy: 'a name for its key',
  plant: () => ({ keyName: keyName as string }),
});

/** 12 bytes before everything that it wraps. */
const MARK = new TextEncoder().encode('wrapped, v1:');

/** Calls that come together are answered together: all as `pick` says, or each as it is. */
function batching(
  sound: KeyManagement,
  pick: (
    outcomes: readonly PromiseSettledResult<Uint8Array>[],
  ) => PromiseSettledResult<Uint8Array> | undefined,
): Unwrap {
  let batch: Promise<PromiseSettledResult<Uint8Array>[]>[] = [];
  return async (wrapped, context) => {
    const mine = batch;
    // Settled from the start: a refusal that comes before the batch is complete is nobody's unhandled one.
    const place = mine.push(Promise.allSettled([sound.unwrap(wrapped, context)])) - 1;
    await new Promise((resolve) => setTimeout(resolve));
    batch = [];
    const outcomes = (await Promise.all(mine)).flat();
    const outcome = (mine.length > 8 && pick(outcomes)) || (outcomes[place] as (typeof outcomes)[number]);
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value.slice();
  };
}

const always = (): boolean => true;

export const FAULTS: readonly Fault[] = [
  // Context
  binding('nothing', 'for another keyring', () => ({ keyringId: '', slotId: '' })),
  binding('the keyring alone', 'for another slot', ({ keyringId }) => ({ keyringId, slotId: '' })),
  binding('the slot alone', 'for another keyring', ({ slotId }) => ({ keyringId: '', slotId })),
  binding('both ids in either order', 'have changed places', ({ keyringId, slotId }) => {
    const [first, second] = [keyringId, slotId].sort() as [string, string];
    return { keyringId: first, slotId: second };
  }),
  binding(
    'the keyring id in lower case',
    'a keyring whose id differs in capitals',
    ({ keyringId, slotId }) => ({
      keyringId: keyringId.toLowerCase(),
      slotId,
    }),
  ),
  binding('the slot id in lower case', 'ids that differ in capitals', ({ keyringId, slotId }) => ({
    keyringId,
    slotId: slotId.toLowerCase(),
  })),
  binding('32 characters of the keyring id', 'a long keyring id', ({ keyringId, slotId }) => ({
    keyringId: keyringId.slice(0, 32),
    slotId,
  })),
  binding('63 characters of the slot id', 'a long slot id', ({ keyringId, slotId }) => ({
    keyringId,
    slotId: slotId.slice(0, 63),
  })),
  binding('the beginning of the slot id', 'a slot whose id is longer', ({ keyringId, slotId }) => ({
    keyringId,
    slotId: slotId.slice(0, 16),
  })),
  ...['', '-', '_', '--', '__'].map(joining),
  {
    name: 'takes no id of 64 characters',
    caughtBy: 'shortest and the longest ids',
    plant: (sound) => ({
      wrap(secret, context) {
        if (context.slotId.length > 63) throw new RangeError('too long');
        return sound.wrap(secret, context);
      },
    }),
  },

  {
    name: 'unwraps for no id of 64 characters',
    caughtBy: 'shortest and the longest ids',
    plant: (sound) => ({
      unwrap(wrapped, context) {
        if (context.keyringId.length > 63) throw new KeyManagementRefusedError();
        return sound.unwrap(wrapped, context);
      },
    }),
  },

  // What is no wrapped secret, or no longer
  framing('does not look at its first byte', 'one bit was altered', 1, 0),
  framing('does not look at its last byte', 'one bit was altered', 0, 1),
  {
    name: 'takes a wrapped secret that lacks its last bytes',
    caughtBy: 'cut off',
    plant: (sound) => ({
      wrap: async (secret, context) => Uint8Array.of(...(await sound.wrap(secret, context)), 1, 2, 3, 4),
      unwrap: (wrapped, context) => sound.unwrap(wrapped.slice(0, 60), context),
    }),
  },
  framing('takes a wrapped secret that lacks its first bytes', 'one bit was altered', 4, 0),
  looking('drops a newline at the end', 'something added', (wrapped) =>
    wrapped.at(-1) === 10 ? wrapped.slice(0, -1) : wrapped,
  ),
  looking('drops zeros at the end', 'something added', (wrapped) =>
    wrapped.at(-1) === 0 ? wrapped.slice(0, -1) : wrapped,
  ),
  looking('drops zeros at the beginning', 'something added', (wrapped) =>
    wrapped[0] === 0 ? wrapped.slice(1) : wrapped,
  ),
  looking('reads as many bytes as it needs', 'something added', (wrapped) => wrapped.slice(0, 60)),
  {
    name: 'takes a wrapped secret that was cut off',
    caughtBy: 'cut off',
    plant(sound) {
      const whole: Bytes[] = [];
      return {
        async wrap(secret, context) {
          const wrapped = new Uint8Array(await sound.wrap(secret, context));
          whole.push(wrapped);
          return wrapped.slice();
        },
        unwrap(wrapped, context) {
          const start = hexOf(wrapped);
          const meant = start.length > 40 && whole.find((one) => hexOf(one).startsWith(start));
          return sound.unwrap(meant ? meant.slice() : wrapped, context);
        },
      };
    },
  },
  throwing(
    'a TypeError for what is too short',
    'no bytes at all',
    ({ length }) => length < 28,
    () => new TypeError('short'),
  ),
  throwing("its library's error", 'one bit was altered', always, () => new Error('OperationError')),
  throwing('the error of a cell', 'one bit was altered', always, () => new AuthenticationError()),
  throwing('text', 'what was never wrapped', always, () => 'refused'),
  throwing('nothing', 'cut off', always, () => undefined),
  throwing(
    'another error for what is long',
    'never wrapped',
    ({ length }) => length > 1000,
    () => new RangeError('long'),
  ),
  {
    name: 'gives nothing in place of a refusal',
    caughtBy: 'one bit was altered',
    plant: (sound) => ({
      unwrap: async (wrapped, context) => {
        try {
          return await sound.unwrap(wrapped, context);
        } catch {
          return undefined as unknown as Uint8Array;
        }
      },
    }),
  },
  {
    name: 'gives random bytes in place of a refusal',
    caughtBy: 'what was never wrapped',
    plant: (sound) => ({
      unwrap: async (wrapped, context) => {
        try {
          return await sound.unwrap(wrapped, context);
        } catch {
          return new Uint8Array(randomBytes(32));
        }
      },
    }),
  },
  {
    name: 'tries other keys too',
    caughtBy: 'another key has wrapped',
    plant: (sound) => ({
      async unwrap(wrapped, context) {
        for (const seed of [7, 8]) {
          try {
            return await fakeKeyManagement({ key: new Uint8Array(32).fill(seed) }).unwrap(wrapped, context);
          } catch {} // the next one
        }
        return sound.unwrap(wrapped, context);
      },
    }),
  },
  {
    name: 'stops answering once it has refused',
    caughtBy: 'without harm to the others',
    plant(sound) {
      let broken = false;
      return {
        async unwrap(wrapped, context) {
          if (broken) throw new Error('closed');
          try {
            return await sound.unwrap(wrapped, context);
          } catch (error) {
            broken = true;
            throw error;
          }
        },
      };
    },
  },

  {
    name: 'refuses a whole batch for one call in it',
    caughtBy: 'without harm to the others',
    plant: (sound) => ({
      unwrap: batching(sound, (outcomes) => outcomes.find((one) => one.status === 'rejected')),
    }),
  },
  {
    name: 'answers a whole batch with its first secret',
    caughtBy: 'without harm to the others',
    plant: (sound) => ({
      unwrap: batching(sound, (outcomes) => outcomes.find((one) => one.status === 'fulfilled')),
    }),
  },
  {
    name: 'gives up a secret that was asked for with another context',
    caughtBy: 'for another slot',
    plant(sound) {
      const givenUp = new Set<string>();
      return {
        async unwrap(wrapped, context) {
          if (givenUp.has(hexOf(wrapped))) throw new KeyManagementRefusedError();
          try {
            return await sound.unwrap(wrapped, context);
          } catch (error) {
            givenUp.add(hexOf(wrapped));
            throw error;
          }
        },
      };
    },
  },
  {
    name: 'locks itself after many refusals',
    caughtBy: 'one bit was altered',
    plant(sound) {
      let refusals = 0;
      return {
        async unwrap(wrapped, context) {
          if (refusals >= 20) throw new KeyManagementRefusedError();
          try {
            return await sound.unwrap(wrapped, context);
          } catch (error) {
            refusals++;
            throw error;
          }
        },
      };
    },
  },
  {
    name: 'does without its mark where that is missing',
    caughtBy: 'whose beginning is gone',
    plant: (sound) => ({
      wrap: async (secret, context) => Uint8Array.of(...MARK, ...(await sound.wrap(secret, context))),
      unwrap: (wrapped, context) =>
        sound.unwrap(
          MARK.every((byte, i) => wrapped[i] === byte) ? wrapped.slice(MARK.length) : wrapped,
          context,
        ),
    }),
  },

  // Values
  giving('pads what it gives', 'whatever the 32 bytes are', (secret) => Uint8Array.of(...secret, 0)),
  wrapping('pads what it wraps to 48 bytes', 'whatever the 32 bytes are', (secret) =>
    Uint8Array.of(...secret, ...new Uint8Array(16).fill(16)),
  ),
  wrapping('takes zeros at the end for padding', 'whatever the 32 bytes are', (secret) => {
    const end = secret.findLastIndex((byte) => byte !== 0) + 1;
    return secret.subarray(0, end);
  }),
  wrapping('takes the secret for a number', 'whatever the 32 bytes are', (secret) => {
    const start = secret.findIndex((byte) => byte !== 0);
    return secret.subarray(start === -1 ? 32 : start);
  }),
  wrapping('drops a newline at the end', 'whatever the 32 bytes are', (secret) =>
    secret.at(-1) === 10 ? secret.subarray(0, 31) : secret,
  ),
  wrapping('takes the secret for text', 'whatever the 32 bytes are', (secret) =>
    new TextEncoder().encode(new TextDecoder().decode(secret)),
  ),
  wrapping('takes the secret for seven-bit characters', 'whatever the 32 bytes are', (secret) =>
    secret.map((byte) => byte & 0x7f),
  ),
  giving('takes what looks like padding off', 'whatever the 32 bytes are', (secret) => {
    const last = secret.at(-1) as number;
    const isPadding = last >= 1 && last <= 16 && secret.slice(-last).every((byte) => byte === last);
    return isPadding ? secret.slice(0, -last) : secret;
  }),
  giving('gives text', 'whatever the 32 bytes are', hexOf),
  giving('gives an array of numbers', 'whatever the 32 bytes are', (secret) => [...secret]),
  giving('gives an ArrayBuffer', 'whatever the 32 bytes are', (secret) => secret.buffer),
  {
    name: 'unwraps once',
    caughtBy: 'as often as it is asked',
    plant(sound) {
      const seen = new Set<string>();
      return {
        async unwrap(wrapped, context) {
          if (seen.has(hexOf(wrapped))) throw new KeyManagementRefusedError();
          const secret = await sound.unwrap(wrapped, context);
          seen.add(hexOf(wrapped));
          return secret;
        },
      };
    },
  },
  {
    name: 'holds only what was wrapped last',
    caughtBy: 'as often as it is asked',
    plant(sound) {
      let last = '';
      return {
        async wrap(secret, context) {
          const wrapped = await sound.wrap(secret, context);
          last = hexOf(wrapped);
          return wrapped;
        },
        unwrap(wrapped, context) {
          if (hexOf(wrapped) !== last) throw new KeyManagementRefusedError();
          return sound.unwrap(wrapped, context);
        },
      };
    },
  },
  {
    name: 'draws a key for each process',
    caughtBy: 'another process has wrapped',
    plant() {
      const { wrap, unwrap } = fakeKeyManagement();
      return { wrap, unwrap };
    },
  },
  {
    name: 'keeps the context of a call where the next call finds it',
    caughtBy: 'under way at the same time',
    plant(sound) {
      let current: KeyManagementContext;
      const later = () => new Promise((resolve) => setTimeout(resolve));
      return {
        async wrap(secret, context) {
          current = context;
          await later();
          return sound.wrap(secret, current);
        },
        async unwrap(wrapped, context) {
          current = context;
          await later();
          return sound.unwrap(wrapped, current);
        },
      };
    },
  },

  // Buffers
  {
    name: "keeps the caller's own buffer",
    caughtBy: 'keeps nothing',
    plant(sound) {
      const kept = new Map<string, Bytes>();
      return {
        async wrap(secret, context) {
          const wrapped = await sound.wrap(secret, context);
          kept.set(hexOf(wrapped), secret);
          return wrapped;
        },
        async unwrap(wrapped, context) {
          const secret = await sound.unwrap(wrapped, context);
          return kept.get(hexOf(wrapped))?.slice() ?? secret;
        },
      };
    },
  },
  {
    name: 'gives from its cache',
    caughtBy: 'keeps nothing',
    plant(sound) {
      const cache = new Map<string, Uint8Array>();
      return {
        async unwrap(wrapped, context) {
          const name = `${hexOf(wrapped)}/${context.keyringId}/${context.slotId}`;
          const secret = cache.get(name) ?? (await sound.unwrap(wrapped, context));
          cache.set(name, secret);
          return secret;
        },
      };
    },
  },
  {
    name: 'keeps the wrapped secret that it gave',
    caughtBy: 'keeps nothing',
    plant(sound) {
      const given: Uint8Array[] = [];
      return {
        async wrap(secret, context) {
          const wrapped = await sound.wrap(secret, context);
          given.push(wrapped);
          return wrapped;
        },
        unwrap(wrapped, context) {
          // It knows what it gave by its beginning, and finds it wiped.
          if (given.some((one) => one.every((byte) => byte === 0))) throw new KeyManagementRefusedError();
          return sound.unwrap(wrapped, context);
        },
      };
    },
  },
  {
    name: 'wipes the secret itself',
    caughtBy: 'does not change what it is given',
    plant: (sound) => ({
      async wrap(secret, context) {
        const wrapped = await sound.wrap(secret, context);
        secret.fill(0);
        return wrapped;
      },
    }),
  },
  {
    name: 'decrypts in place',
    caughtBy: 'does not change what it is given',
    plant: (sound) => ({
      async unwrap(wrapped, context) {
        const secret = await sound.unwrap(wrapped, context);
        wrapped.set(secret);
        return secret;
      },
    }),
  },
  {
    name: 'wipes what it refuses',
    caughtBy: 'does not change what it is given',
    plant: (sound) => ({
      async unwrap(wrapped, context) {
        try {
          return await sound.unwrap(wrapped, context);
        } catch (error) {
          wrapped.fill(0);
          throw error;
        }
      },
    }),
  },
  {
    name: 'writes into the context',
    caughtBy: 'does not change what it is given',
    plant: (sound) => ({
      async wrap(secret, context) {
        const wrapped = await sound.wrap(secret, context);
        Object.assign(context, { slotId: '' });
        return wrapped;
      },
    }),
  },
  {
    name: 'wraps the whole buffer behind a part',
    caughtBy: 'a part of a buffer',
    plant: (sound) => ({
      wrap: (secret, context) => sound.wrap(new Uint8Array(secret.buffer), context),
    }),
  },
  {
    name: 'unwraps the whole buffer behind a part',
    caughtBy: 'a part of a buffer',
    plant: (sound) => ({
      unwrap: (wrapped, context) => sound.unwrap(new Uint8Array(wrapped.buffer), context),
    }),
  },
  giving("gives a part of Node's pool", 'in a buffer of its own', (secret) => Buffer.from(secret)),
  giving('gives a part of a longer buffer', 'in a buffer of its own', (secret) =>
    Uint8Array.of(...secret, 1, 2, 3).subarray(0, 32),
  ),
  {
    name: 'gives the secret in the buffer of the wrapped one',
    caughtBy: 'in a buffer of its own',
    plant(sound) {
      const one = new Uint8Array(32);
      return {
        async unwrap(wrapped, context) {
          one.set(await sound.unwrap(wrapped, context));
          return one;
        },
      };
    },
  },

  // The rest
  named('', 'an empty key name'),
  named('k'.repeat(513), 'a key name of 513 characters'),
  named(undefined, 'no key name'),
  named('one\ntwo', 'a key name in two lines'),
  named('a lone \ud800', 'a key name that is not well-formed'),
  {
    name: 'has a key name that changes',
    caughtBy: 'a name for its key',
    plant() {
      let times = 0;
      return {
        get keyName() {
          return `key ${times++}`;
        },
      };
    },
  },
  {
    name: 'has a key name for each process',
    caughtBy: 'a name for its key',
    plant: () => ({ keyName: hexOf(randomBytes(8)) }),
  },
  {
    name: 'wraps in more than 8 KiB',
    caughtBy: 'whatever the 32 bytes are',
    plant: (sound) => ({
      wrap: async (secret, context) =>
        Uint8Array.of(...(await sound.wrap(secret, context)), ...new Uint8Array(8192)),
      unwrap: (wrapped, context) => sound.unwrap(wrapped.slice(0, 60), context),
    }),
  },
  {
    name: 'wraps in no bytes',
    caughtBy: 'whatever the 32 bytes are',
    plant: () => ({ wrap: () => new Uint8Array(0) }),
  },
  {
    name: 'wraps in text',
    caughtBy: 'whatever the 32 bytes are',
    plant: (sound) => ({
      wrap: async (secret, context) => hexOf(await sound.wrap(secret, context)) as unknown as Uint8Array,
    }),
  },
  ...(['latin1', 'hex', 'base64', 'base64url'] as const).map((spelling) => signing(spelling)),

  // Errors that tell
  telling('a message, in hexadecimal', (secret) => ({ message: `no: ${hexOf(secret)}` })),
  telling('a message, in base64', (secret) => ({ message: Buffer.from(secret).toString('base64') })),
  telling('a message, in base64 after other bytes', (secret) => ({
    message: Buffer.from([1, ...secret]).toString('base64url'),
  })),
  telling('a message, as numbers', (secret) => ({ message: [...secret].join(', ') })),
  telling('a field, as bytes', (secret) => ({ plaintext: secret })),
  telling('a field, as part of more bytes', (secret) => ({ output: Uint8Array.of(1, 2, ...secret, 3) })),
  telling('a field of a field, as numbers', (secret) => ({ response: { data: [...secret] } })),
  telling('its cause', (secret) => ({ cause: new Error(Buffer.from(secret).toString('latin1')) })),
  telling('half of it', (secret) => ({ plaintext: secret.slice(16) })),
  telling('its stack', (secret) => ({ stack: `Error: ${hexOf(secret).toUpperCase()}` })),
];

/** Signs the secret and encrypts nothing. */
function signing(spelling: 'latin1' | 'hex' | 'base64' | 'base64url'): Fault {
  const tagOf = (text: Uint8Array, { keyringId, slotId }: KeyManagementContext): Buffer =>
    createHmac('sha256', KEY).update(`${keyringId}/${slotId}/`).update(text).digest();
  const unwrap: Unwrap = (wrapped, context) => {
    const text = wrapped.slice(0, -32);
    const isSigned = wrapped.length > 32 && tagOf(text, context).equals(wrapped.slice(-32));
    if (!isSigned) throw new KeyManagementRefusedError();
    return new Uint8Array(Buffer.from(Buffer.from(text).toString('latin1'), spelling));
  };
  return {
    name: `wraps in ${spelling}, signed`,
    caughtBy: 'nothing of the secret in what it wraps',
    plant: () => ({
      wrap(secret, context) {
        const text = new Uint8Array(Buffer.from(Buffer.from(secret).toString(spelling), 'latin1'));
        return Uint8Array.of(...text, ...tagOf(text, context));
      },
      unwrap,
    }),
  };
}
