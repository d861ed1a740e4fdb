/** Slots: what opens a keyring after they were added, removed and changed, and what is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { webCryptoEngine } from '../../src/engine/index.js';
import {
  type KeyManagement,
  type Keyring,
  type NewSlot,
  PassphraseDamagedError,
  type UnlockSecret,
  addSlot,
  changeKey,
  changePassphrase,
  decryptRecord,
  encryptRecord,
  listSlots,
  openKeyring,
  removeSlot,
  verifyCopy,
} from '../../src/index.js';
import { calibrateIterationsIn } from '../../src/keyring/slot-change.js';
import { generatePassphrase } from '../../src/passphrase/public.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { fakeKeyManagement } from '../../src/testing/testing.js';
import { few, people } from './installation.js';
import {
  ITERATIONS,
  PASSPHRASE,
  RAW_KEY,
  codeOf,
  countingEngine,
  environment,
  fakeClock,
  knownKeyring,
  payloadOf,
  stored,
} from './support.js';

const current = { rawKey: RAW_KEY };
const OTHER_KEY = RAW_KEY.map((byte) => byte ^ 0x55);
const opens = (store: KeyringStore, secret: UnlockSecret) => codeOf(openKeyring(store, secret));
const infoOf = (keyring: Keyring, slotId: string) =>
  listSlots(keyring).find((slot) => slot.slotId === slotId);
const slotsIn = async (store: KeyringStore) => payloadOf((await stored(store)).document).slots;

/** That something is refused with this code, and nothing was written. */
async function expectRefused(store: KeyringStore, work: () => Promise<unknown>, code: string): Promise<void> {
  const before = await stored(store);
  expect(await codeOf(work)).toBe(code);
  expect(await stored(store)).toEqual(before);
}

describe('addSlot', () => {
  it.each<[string, NewSlot]>([
    ['passphrase', few({ passphrase: PASSPHRASE })],
    ['raw', { rawKey: OTHER_KEY }],
    ['kms', { keyManagement: fakeKeyManagement({ name: 'of the test' }) }],
  ])('adds a slot of the type %s, which opens the same keyring with the same keys', async (type, added) => {
    const { store, keyring, environment: made } = await knownKeyring();
    const row = await encryptRecord(people, { id: 1, name: 'Jane' }, keyring);
    const slotId = await addSlot(keyring, { ...added, label: `the ${type} of the test`, current });
    expect(slotId).toMatch(/^sl_[a-z2-7]{13}$/);
    const again = await openKeyring(store, added);
    expect(await decryptRecord(people, row, again)).toEqual({ id: 1, name: 'Jane' });
    expect(listSlots(again).map(({ slotId, isOwn }) => [slotId, isOwn])).toEqual([
      [listSlots(keyring)[0]?.slotId, false],
      [slotId, true],
    ]);
    expect(infoOf(keyring, slotId)).toEqual({
      slotId,
      type,
      label: `the ${type} of the test`,
      createdAt: new Date(made.clock.wallMs()),
      iterations: type === 'passphrase' ? ITERATIONS : undefined,
      keyName: type === 'kms' ? 'FAKE of the test' : undefined,
      isOwn: false,
    });
    expect(await opens(store, current)).toBe('success');
  });

  it('takes any secret of today, also one that this process was not opened with', async () => {
    const { store, keyring } = await knownKeyring();
    const cloud = { keyManagement: fakeKeyManagement() };
    await addSlot(keyring, { ...few({ passphrase: PASSPHRASE }), current });
    await addSlot(keyring, { ...cloud, current: { passphrase: PASSPHRASE } });
    await addSlot(keyring, { rawKey: OTHER_KEY, current: cloud });
    for (const secret of [current, { passphrase: PASSPHRASE }, cloud, { rawKey: OTHER_KEY }])
      expect(await opens(store, secret)).toBe('success');
  });

  it.each<[string, UnlockSecret]>([
    ['passphrase', { passphrase: 'no slot’s' }],
    ['raw key', { rawKey: RAW_KEY.map((byte) => byte ^ 1) }],
    ['service', { keyManagement: fakeKeyManagement() }],
  ])('refuses where `current` is a %s that opens nothing, and writes nothing', async (_name, wrong) => {
    const { store, keyring } = await knownKeyring();
    await addSlot(keyring, { ...few({ passphrase: PASSPHRASE }), current });
    await addSlot(keyring, { keyManagement: fakeKeyManagement(), current });
    const added = few({ passphrase: 'never added' });
    await expectRefused(store, () => addSlot(keyring, { ...added, current: wrong }), 'wrong-secret');
    expect(await opens(store, added)).toBe('wrong-secret');
  });

  it('gives no second slot to a passphrase or raw key that opens one already, however it is spelled', async () => {
    const { store, keyring } = await knownKeyring();
    const generated = await generatePassphrase();
    const secrets: readonly (readonly [NewSlot, NewSlot])[] = [
      [current, { rawKey: Buffer.from(RAW_KEY) }],
      [{ passphrase: 'a\u00a0café' }, { passphrase: 'a cafe\u0301' }],
      [{ passphrase: generated }, { passphrase: generated.toLowerCase().replaceAll('-', ' ') }],
    ];
    for (const [once, twice] of secrets) {
      const slotId = await addSlot(keyring, { ...few(once), current });
      const { revision } = keyring;
      for (const again of [once, twice])
        expect(await addSlot(keyring, { ...few(again), label: 'another label', current })).toBe(slotId);
      expect(keyring.revision).toBe(revision);
    }
    expect(await slotsIn(store)).toHaveLength(secrets.length);
  });

  it('adds sixteen and no seventeenth', async () => {
    const { store, keyring } = await knownKeyring();
    const keyOf = (i: number) => ({ rawKey: RAW_KEY.map((byte) => byte ^ i) });
    for (let i = 1; i < 16; i++) await addSlot(keyring, { ...keyOf(i), current });
    expect(listSlots(keyring)).toHaveLength(16);
    await expectRefused(store, () => addSlot(keyring, { ...keyOf(16), current }), 'keyring-limit');
    const keyManagement = fakeKeyManagement();
    await expectRefused(store, () => addSlot(keyring, { keyManagement, current }), 'keyring-limit');
    expect(keyManagement.calls.wrap).toBe(0); // refused before anything is wrapped
    expect(await codeOf(addSlot(keyring, { ...keyOf(15), current }))).toBe('success'); // it is there
    for (let i = 0; i <= 16; i++)
      expect(await opens(store, keyOf(i))).toBe(i < 16 ? 'success' : 'wrong-secret');
    await removeSlot(keyring, listSlots(keyring)[7]?.slotId ?? '');
    expect(await codeOf(addSlot(keyring, { ...keyOf(16), current }))).toBe('success');
  });

  it.each([
    ['nothing', '', 'success'],
    ['128 characters', 'x'.repeat(128), 'success'],
    ['128 UTF-16 units', '𝄞'.repeat(64), 'success'],
    ['129 characters', 'x'.repeat(129), 'definition'],
    ['two lines', 'a\nb', 'definition'],
    ['a control character', 'a\u0085b', 'definition'],
    ['a lone surrogate', 'a\ud800', 'definition'],
  ])('labels a slot with one line of at most 128 characters: %s', async (_name, label, code) => {
    const { store, keyring } = await knownKeyring();
    const { revision } = keyring;
    expect(await codeOf(addSlot(keyring, { rawKey: OTHER_KEY, label, current }))).toBe(code);
    const [, slot] = await slotsIn(store);
    expect(slot?.label).toBe(code === 'success' ? label : undefined);
    expect((await stored(store)).revision).toBe(code === 'success' ? revision + 1 : revision);
    expect(await opens(store, { rawKey: OTHER_KEY })).toBe(code === 'success' ? code : 'wrong-secret');
  });

  it.each([
    ['nothing', '', 'definition'],
    ['one character', 'x', 'success'],
    ['512 characters', 'x'.repeat(512), 'success'],
    ['513 characters', 'x'.repeat(513), 'definition'],
    ['two lines', 'a\r\nb', 'definition'],
    ['a lone surrogate', '\udc00', 'definition'],
  ])('writes down what a service calls its key, 1 to 512 characters: %s', async (_name, keyName, code) => {
    const { keyring } = await knownKeyring();
    const service = fakeKeyManagement();
    const keyManagement = { ...service, keyName };
    expect(await codeOf(addSlot(keyring, { keyManagement, current }))).toBe(code);
    expect(service.calls.wrap).toBe(code === 'success' ? 1 : 0); // refused before the service is asked
    expect(listSlots(keyring)[1]?.keyName).toBe(code === 'success' ? keyName : undefined);
  });

  it('gives a service as many slots as it is asked for: its secrets are drawn each time', async () => {
    const { store, keyring } = await knownKeyring();
    const keyManagement = fakeKeyManagement();
    const ids = [
      await addSlot(keyring, { keyManagement, current }),
      await addSlot(keyring, { keyManagement, current }),
    ];
    expect(new Set(ids).size).toBe(2);
    await removeSlot(keyring, ids[0] as string);
    expect(listSlots(await openKeyring(store, { keyManagement })).map(({ isOwn }) => isOwn)).toEqual([
      false,
      true,
    ]);
  });

  it('opens another slot of a service where one cannot be asked for now, and says why where none opens', async () => {
    const { store, keyring } = await knownKeyring();
    const service = fakeKeyManagement();
    const first = await addSlot(keyring, { keyManagement: service, current });
    await addSlot(keyring, { keyManagement: service, current });
    const outage = Object.assign(new Error('out of reach'), { code: 'out-of-reach' });
    const half: KeyManagement = {
      ...service,
      unwrap: async (wrapped, context) => {
        if (context.slotId === first) throw outage;
        return service.unwrap(wrapped, context);
      },
    };
    expect(await opens(store, { keyManagement: half })).toBe('success');
    service.startOutage(outage);
    expect(await opens(store, { keyManagement: service })).toBe('out-of-reach'); // nobody has said that it is wrong
    service.endOutage();
    expect(await opens(store, { keyManagement: service })).toBe('success');
  });
});

describe('removeSlot', () => {
  it('leaves a secret that opens nothing any more, and every other as it was', async () => {
    const { store, keyring } = await knownKeyring();
    const added = [
      few({ passphrase: PASSPHRASE }),
      { rawKey: OTHER_KEY },
      { keyManagement: fakeKeyManagement() },
    ];
    const ids: string[] = [];
    for (const secret of added) ids.push(await addSlot(keyring, { ...secret, current }));
    for (const [i, secret] of added.entries()) {
      const kept = (await slotsIn(store)).filter(({ id }: { id: string }) => id !== ids[i]);
      await removeSlot(keyring, ids[i] as string);
      expect(await opens(store, secret)).toBe('wrong-secret');
      expect(await verifyCopy(keyring, secret)).toBe(false);
      expect(await slotsIn(store)).toEqual(kept);
      for (const other of [current, ...added.slice(i + 1)]) expect(await opens(store, other)).toBe('success');
      const asCurrent = addSlot(keyring, { ...few({ passphrase: 'another' }), current: secret });
      expect(await codeOf(asCurrent)).toBe('wrong-secret');
    }
  });

  it('leaves a process that was opened with it at work', async () => {
    const { store, keyring } = await knownKeyring();
    await addSlot(keyring, { rawKey: OTHER_KEY, current });
    const own = listSlots(keyring).find(({ isOwn }) => isOwn)?.slotId as string;
    await removeSlot(keyring, own);
    expect(listSlots(keyring).map(({ isOwn }) => isOwn)).toEqual([false]);
    const row = await encryptRecord(people, { id: 1, name: 'Jane' }, keyring);
    const again = await openKeyring(store, { rawKey: OTHER_KEY });
    expect(await decryptRecord(people, row, again)).toEqual({ id: 1, name: 'Jane' });
    expect(await opens(store, current)).toBe('wrong-secret');
  });

  it('refuses the last one, and one that is not there, and writes nothing', async () => {
    const { store, keyring } = await knownKeyring();
    const slotId = await addSlot(keyring, { rawKey: OTHER_KEY, current });
    const [first] = listSlots(keyring);
    for (const unknown of ['', 'sl_', `${slotId} `, slotId.toUpperCase(), 'sl_aaaaaaaaaaaaa']) {
      await expectRefused(store, () => removeSlot(keyring, unknown), 'unknown-slot');
    }
    await removeSlot(keyring, slotId);
    await expectRefused(store, () => removeSlot(keyring, slotId), 'unknown-slot');
    await expectRefused(store, () => removeSlot(keyring, first?.slotId as string), 'last-slot');
    expect(await opens(store, current)).toBe('success');
  });

  it('refuses the last one also where another process has removed the other', async () => {
    const { store, keyring } = await knownKeyring();
    const slotId = await addSlot(keyring, { rawKey: OTHER_KEY, current });
    const other = await openKeyring(store, { rawKey: OTHER_KEY });
    const [first] = listSlots(other);
    await removeSlot(keyring, slotId);
    expect(listSlots(other)).toHaveLength(2); // it has not read that yet
    await expectRefused(store, () => removeSlot(other, first?.slotId as string), 'last-slot');
  });
});

describe('changePassphrase', () => {
  const [FIRST, NEXT, THIRD] = ['the first one', 'the one that comes after', 'of somebody else'] as const;
  const iterations = ITERATIONS;
  const begin = () => knownKeyring({ passphrase: FIRST, label: 'a person' });

  it('gives the slot another passphrase, and keeps its id, its label and its place', async () => {
    const { store, keyring } = await begin();
    const added = await addSlot(keyring, { ...current, current: { passphrase: FIRST } });
    const [slot] = listSlots(keyring);
    await changePassphrase(keyring, { current: FIRST, next: NEXT, iterations: 1_234 });
    expect(listSlots(keyring).map(({ slotId }) => slotId)).toEqual([slot?.slotId, added]);
    expect(listSlots(keyring)[0]).toEqual({ ...slot, iterations: 1_234 });
    expect(await opens(store, { passphrase: FIRST })).toBe('wrong-secret');
    expect(await opens(store, { passphrase: NEXT })).toBe('success');
    expect(await opens(store, current)).toBe('success');
  });

  it('takes as many iterations as the slot had, and at least 250,000', async () => {
    const { store, keyring } = await begin();
    await changePassphrase(keyring, { current: FIRST, next: NEXT });
    expect(listSlots(keyring)[0]?.iterations).toBe(250_000);
    expect(await opens(store, { passphrase: NEXT })).toBe('success');
    await changePassphrase(keyring, { current: NEXT, next: THIRD, iterations: 250_001 });
    await changePassphrase(keyring, { current: THIRD, next: FIRST });
    expect(listSlots(keyring)[0]?.iterations).toBe(250_001);
  });

  it('that was done already is done, and writes nothing', async () => {
    const { store, keyring } = await begin();
    const change = { current: FIRST, next: NEXT, iterations };
    await changePassphrase(keyring, change);
    const before = await stored(store);
    await changePassphrase(keyring, change);
    await changePassphrase(await openKeyring(store, { passphrase: NEXT }), change);
    expect(await stored(store)).toEqual(before);
  });

  it('refuses where neither opens, and a next one that opens a slot already, and writes nothing', async () => {
    const { store, keyring } = await begin();
    await addSlot(keyring, { ...few({ passphrase: THIRD }), current: { passphrase: FIRST } });
    const refusals = [
      [{ current: NEXT, next: 'yet another' }, 'wrong-secret'],
      [{ current: NEXT, next: NEXT }, 'wrong-secret'],
      [{ current: FIRST, next: FIRST }, 'invalid-passphrase'],
      [{ current: FIRST, next: THIRD }, 'invalid-passphrase'],
      [{ current: FIRST, next: '' }, 'invalid-passphrase'],
      [{ current: FIRST, next: 'with a line break\n' }, 'invalid-passphrase'],
      [{ current: undefined as unknown as string, next: NEXT }, 'invalid-passphrase'],
      [{ current: FIRST, next: undefined as unknown as string }, 'invalid-passphrase'],
      [{ current: FIRST, next: NEXT, iterations: 999 }, 'keyring-limit'],
      [{ current: FIRST, next: NEXT, iterations: 10_000_001 }, 'keyring-limit'],
    ] as const;
    for (const [change, code] of refusals)
      await expectRefused(store, () => changePassphrase(keyring, { iterations, ...change }), code);
    for (const passphrase of [FIRST, THIRD]) expect(await opens(store, { passphrase })).toBe('success');
  });

  it.each([
    ['has done it', false],
    ['finds it done, by an earlier call perhaps', true],
  ])(
    'leaves processes at work, and lets the one that %s follow a change of the key',
    async (_name, isDone) => {
      const { store, keyring } = await begin();
      await addSlot(keyring, { ...current, current: { passphrase: FIRST } });
      const admin = await openKeyring(store, current);
      const row = await encryptRecord(people, { id: 1, name: 'Jane' }, admin);
      const change = { current: FIRST, next: NEXT, iterations };
      if (isDone) await changePassphrase(admin, change);
      await changePassphrase(keyring, change);
      await changeKey(admin, { rawKey: OTHER_KEY, keep: [{ passphrase: NEXT }] });
      expect(await verifyCopy(keyring, { passphrase: NEXT })).toBe(true); // it has followed, as it reads
      expect(keyring.revision).toBe(admin.revision);
      expect(await decryptRecord(people, row, keyring)).toEqual({ id: 1, name: 'Jane' });
    },
  );
});

describe('verifyCopy', () => {
  it('says yes to what opens, of whatever type, and no to everything else', async () => {
    const { keyring } = await knownKeyring();
    const keyManagement = fakeKeyManagement();
    await addSlot(keyring, { ...few({ passphrase: PASSPHRASE }), current });
    await addSlot(keyring, { keyManagement, current });
    const { revision } = keyring;
    for (const right of [current, { passphrase: PASSPHRASE }, { keyManagement }])
      expect(await verifyCopy(keyring, right)).toBe(true);
    for (const wrong of [
      { rawKey: OTHER_KEY },
      { passphrase: `${PASSPHRASE} ` },
      { passphrase: PASSPHRASE.toUpperCase() },
      { passphrase: '' },
      { keyManagement: fakeKeyManagement() },
    ])
      expect(await verifyCopy(keyring, wrong)).toBe(false);
    expect(await codeOf(verifyCopy(keyring, {}))).toBe('invalid-passphrase');
    expect(await codeOf(verifyCopy(keyring, { passphrase: 'a\ud800' }))).toBe('invalid-passphrase');
    expect(keyring.revision).toBe(revision);
  });

  it('looks at the keyring as it is stored now, whoever has changed it', async () => {
    const { store, keyring } = await knownKeyring({ passphrase: PASSPHRASE });
    const elsewhere = await openKeyring(store, { passphrase: PASSPHRASE });
    const [before, after] = [{ passphrase: PASSPHRASE }, { passphrase: 'changed elsewhere' }];
    expect(await verifyCopy(keyring, before)).toBe(true);
    await changePassphrase(elsewhere, {
      current: before.passphrase,
      next: after.passphrase,
      iterations: ITERATIONS,
    });
    expect(await verifyCopy(keyring, before)).toBe(false);
    expect(await verifyCopy(keyring, after)).toBe(true);
  });

  it('says how a generated passphrase was damaged', async () => {
    const { keyring } = await knownKeyring();
    const [ascii, chinese] = [await generatePassphrase(), await generatePassphrase({ style: 'unicode' })];
    for (const passphrase of [ascii, chinese]) await addSlot(keyring, { ...few({ passphrase }), current });
    const other = ascii.startsWith('7') ? '8' : '7';
    const place = [...ascii].findIndex((character, i) => i % 6 < 4 && character !== ascii[i + 1]);
    const neighbours = `${ascii[place + 1]}${ascii[place]}`;
    const damages = [
      [other + ascii.slice(1), 'substituted'],
      [ascii.slice(0, place) + neighbours + ascii.slice(place + 2), 'swapped'],
      [ascii.slice(0, -1), 'truncated'],
      [`${ascii}7`, 'lengthened'],
      [`${ascii}\n${ascii}`, 'lengthened'],
      ['?'.repeat(12), 'question-marks'],
      [chinese.slice(1), 'truncated'],
      [Buffer.from(chinese, 'utf8').toString('latin1'), 'mojibake'],
    ] as const;
    for (const [passphrase, damage] of damages) {
      const verifying = verifyCopy(keyring, { passphrase });
      await expect(verifying, damage).rejects.toBeInstanceOf(PassphraseDamagedError);
      await expect(verifying).rejects.toMatchObject({ code: 'passphrase-damaged', damage });
    }
    expect(await verifyCopy(keyring, { passphrase: 'a person’s own' })).toBe(false);
  });

  it('takes nothing for a damaged one where none was generated', async () => {
    const { keyring } = await knownKeyring({ passphrase: PASSPHRASE });
    expect(await verifyCopy(keyring, { passphrase: '?'.repeat(12) })).toBe(false);
    expect(await verifyCopy(keyring, { passphrase: (await generatePassphrase()).slice(1) })).toBe(false);
  });
});

describe('a generated passphrase', () => {
  const spellings: Readonly<Record<string, readonly ((written: string) => string)[]>> = {
    'crockford-1': [
      (written) => written.toLowerCase(),
      (written) => written.replaceAll('-', ''),
      (written) => written.replaceAll('-', ' '),
      (written) => written.replaceAll('-', '–'),
      (written) => `  ${[...written].join(' ')}\r\n`,
      (written) => written.replaceAll('0', 'O').replaceAll('1', 'l'),
      (written) => written.replaceAll('0', 'o').replaceAll('1', 'I'),
    ],
    'cjk-1': [
      (written) => ` ${written}\n`,
      (written) => [...written].join(' '),
      (written) => `\ufeff${written.slice(0, 6)}\u3000${written.slice(6)}`,
    ],
    'words-1': [
      (written) => written.toUpperCase(),
      (written) => `\t${written.replaceAll(' ', '  \n')} `,
      (written) => written.replaceAll(' ', '\u00a0'),
    ],
  };

  it.each([
    [{ style: 'base32' }, 'crockford-1'],
    [{ style: 'unicode' }, 'cjk-1'],
    [{ style: 'words' }, 'words-1'],
    [{ style: 'words', words: 24 }, 'words-1'],
  ] as const)('of %o has the norm %s, and opens in every spelling', async (options, norm) => {
    const { store, keyring } = await knownKeyring();
    const passphrase = await generatePassphrase(options);
    await addSlot(keyring, { ...few({ passphrase }), current });
    expect((await slotsIn(store))[1].norm).toBe(norm);
    for (const spell of [(written: string) => written, ...(spellings[norm] ?? [])]) {
      const spelled = { passphrase: spell(passphrase) };
      expect(await opens(store, spelled)).toBe('success');
      expect(await verifyCopy(keyring, spelled)).toBe(true);
    }
    const next = await generatePassphrase(options);
    expect(await opens(store, { passphrase: next })).toBe('wrong-secret'); // whole, and another one
    const [, spell] = spellings[norm] ?? [];
    const change = { current: spell?.(passphrase) ?? '', next, iterations: ITERATIONS };
    await changePassphrase(keyring, change);
    expect(await opens(store, { passphrase: next })).toBe('success');
    expect(await opens(store, { passphrase })).toBe('wrong-secret');
  });

  it('is no slot where it is damaged as it is added', async () => {
    const { store, keyring } = await knownKeyring();
    const passphrase = await generatePassphrase();
    const damaged = (passphrase.startsWith('7') ? '8' : '7') + passphrase.slice(1);
    await expectRefused(
      store,
      () => addSlot(keyring, { ...few({ passphrase: damaged }), current }),
      'passphrase-damaged',
    );
  });

  it('is told from a person’s own: their slots stand beside each other', async () => {
    const { store, keyring } = await knownKeyring({ passphrase: PASSPHRASE });
    const generated = await generatePassphrase();
    await addSlot(keyring, { ...few({ passphrase: generated }), current: { passphrase: PASSPHRASE } });
    const { engine, calls } = countingEngine();
    await openKeyring(store, { passphrase: PASSPHRASE, engine });
    expect(calls('stretch')).toBe(1);
    expect(listSlots(await openKeyring(store, { passphrase: generated })).map(({ isOwn }) => isOwn)).toEqual([
      false,
      true,
    ]);
  });
});

describe('any sequence of changes', () => {
  const keyManagement = fakeKeyManagement();
  const SECRETS: readonly UnlockSecret[] = [
    { passphrase: 'one' },
    { passphrase: 'two' },
    { passphrase: 'three' },
    { rawKey: RAW_KEY },
    { rawKey: OTHER_KEY },
    { keyManagement },
  ];
  const SERVICE = SECRETS.length - 1;
  const secret = fc.nat({ max: SERVICE });
  const passphrase = fc.nat({ max: 2 });
  const step = fc.oneof(
    fc.record({ does: fc.constant('add' as const), added: secret, current: secret }),
    fc.record({ does: fc.constant('remove' as const), place: fc.nat({ max: 6 }) }),
    fc.record({ does: fc.constant('change' as const), current: passphrase, next: passphrase }),
  );
  type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

  /** Slots as a list of which secret opens each. Gives back the next list, and how the change ends. */
  function model(slots: readonly number[], step: Step): readonly [readonly number[], string] {
    if (step.does === 'add') {
      if (!slots.includes(step.current)) return [slots, 'wrong-secret'];
      const isThere = step.added !== SERVICE && slots.includes(step.added);
      return [isThere ? slots : [...slots, step.added], 'success'];
    }
    if (step.does === 'remove') {
      if (step.place >= slots.length) return [slots, 'unknown-slot'];
      return slots.length === 1 ? [slots, 'last-slot'] : [slots.toSpliced(step.place, 1), 'success'];
    }
    const [own, taken] = [slots.indexOf(step.current), slots.includes(step.next)];
    if (taken) return [slots, own === -1 ? 'success' : 'invalid-passphrase'];
    return own === -1 ? [slots, 'wrong-secret'] : [slots.with(own, step.next), 'success'];
  }

  async function act(keyring: Keyring, step: Step): Promise<void> {
    const of = (i: number): UnlockSecret => SECRETS[i] as UnlockSecret;
    if (step.does === 'add') {
      await addSlot(keyring, { ...few(of(step.added)), current: of(step.current) });
    } else if (step.does === 'remove') {
      await removeSlot(keyring, listSlots(keyring)[step.place]?.slotId ?? 'sl_none');
    } else {
      const [before, next] = [of(step.current).passphrase ?? '', of(step.next).passphrase ?? ''];
      await changePassphrase(keyring, { current: before, next, iterations: ITERATIONS });
    }
  }

  it('leaves exactly the secrets of the model opening, whichever object makes them', async () => {
    const types = ['passphrase', 'passphrase', 'passphrase', 'raw', 'raw', 'kms'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(step, fc.boolean()), { minLength: 3, maxLength: 8 }),
        async (steps) => {
          const { store, keyring } = await knownKeyring({ passphrase: 'one' }, memoryKeyring());
          const second = await openKeyring(store, { passphrase: 'one' });
          let slots: readonly number[] = [0];
          let { revision } = keyring;
          for (const [step, isSecond] of steps) {
            const [next, code] = model(slots, step);
            const acting = isSecond ? second : keyring;
            await verifyCopy(acting, { rawKey: new Uint8Array(32) }); // reads what the other has done
            expect(await codeOf(act(acting, step))).toBe(code);
            revision += next === slots ? 0 : 1;
            slots = next;
            expect(acting.revision).toBe(revision);
          }
          for (const [i, secret] of SECRETS.entries())
            expect(await opens(store, secret)).toBe(slots.includes(i) ? 'success' : 'wrong-secret');
          expect((await slotsIn(store)).map(({ type }: { type: string }) => type)).toEqual(
            slots.map((i) => types[i]),
          );
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('calibrateIterations', () => {
  /** An engine that takes `ms` for 100,000 iterations by its clock, and a second more for its first call. */
  function machine(ms: number) {
    const clock = fakeClock();
    const made: number[] = [];
    const engine = {
      ...webCryptoEngine(),
      stretch: (
        ...[passphrase, salt, iterations]: Parameters<ReturnType<typeof webCryptoEngine>['stretch']>
      ) => {
        clock.advance((made.length === 0 ? 1_000 : 0) + (ms * iterations) / 100_000);
        made.push(iterations);
        return webCryptoEngine().stretch(passphrase, salt, 1);
      },
    };
    return { environment: environment({ engine, clock }), made };
  }

  it('gives what the machine does in the time that was asked for, to the thousand', async () => {
    const ms = fc.double({ min: 1, max: 500, noNaN: true });
    const target = fc.integer({ min: 1, max: 20_000 });
    await fc.assert(
      fc.asyncProperty(ms, target, async (ms, targetMs) => {
        const { environment: made, made: calls } = machine(ms);
        const iterations = await calibrateIterationsIn(made, { targetMs });
        const exact = (100_000 * targetMs) / ms;
        const bounded = Math.min(10_000_000, Math.max(250_000, exact));
        expect(Math.abs(iterations - bounded)).toBeLessThanOrEqual(501);
        expect(iterations % 1_000).toBe(0);
        expect(calls.length).toBe(2);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['a slow machine', 10_000, 500, 250_000],
    ['a fast one', 1, 500_000, 10_000_000],
    ['one whose clock stands still', 0, 500, 10_000_000],
    ['one that does 200,000 in a second', 500, undefined, 250_000],
    ['one that does 2,000,000 in a second', 50, undefined, 1_000_000],
    ['one that does 2,000,000 in a second, for a quarter of that', 50, 250, 500_000],
    ['no time at all', 50, 0, 250_000],
    ['less than none', 50, -1, 250_000],
    ['all the time', 50, Number.POSITIVE_INFINITY, 10_000_000],
  ])('is never under 250,000 nor over 10,000,000: %s', async (_name, ms, targetMs, iterations) => {
    const options = targetMs === undefined ? {} : { targetMs };
    expect(await calibrateIterationsIn(machine(ms).environment, options)).toBe(iterations);
  });

  it('refuses to aim at no number', async () => {
    const { environment: made } = machine(50);
    expect(await codeOf(calibrateIterationsIn(made, { targetMs: Number.NaN }))).toBe('definition');
  });
});
