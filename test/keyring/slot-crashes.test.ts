/** A change of slots that is cut off at any call of its store: somebody still opens the keyring, and it can be done again. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Keyring,
  addSlot,
  changePassphrase,
  listSlots,
  openKeyring,
  removeSlot,
} from '../../src/index.js';
import { CRASHED, crashEverywhere } from './crashes.js';
import {
  type Installation,
  SECRETS,
  type SecretName,
  contentsOf,
  copyOf,
  few,
  install,
  openersOf,
} from './installation.js';
import { ITERATIONS, codeOf } from './support.js';

interface Act {
  readonly name: string;
  readonly does: (keyring: Keyring) => Promise<unknown>;
  readonly after: readonly SecretName[];
  /** What it says when it is done again after it was done. Default: it succeeds. */
  readonly again?: string;
  readonly slots: number;
}

const BEFORE: readonly SecretName[] = ['person', 'service', 'cloud'];
const current = SECRETS.person;
const slotOf = (keyring: Keyring, type: string): string =>
  listSlots(keyring).find((slot) => slot.type === type)?.slotId ?? gone;
/** What a caller has noted of a slot that is not there any more. */
let gone = '';

const ACTS: readonly Act[] = [
  {
    name: 'adds a passphrase',
    does: (keyring) => addSlot(keyring, { ...few(SECRETS.next), current }),
    after: [...BEFORE, 'next'],
    slots: 4,
  },
  {
    name: 'adds a raw key',
    does: (keyring) => addSlot(keyring, { ...SECRETS.robot, current }),
    after: [...BEFORE, 'robot'],
    slots: 4,
  },
  {
    name: 'removes a slot',
    does: (keyring) => removeSlot(keyring, slotOf(keyring, 'raw')),
    after: ['person', 'cloud'],
    again: 'unknown-slot',
    slots: 2,
  },
  {
    name: 'changes a passphrase',
    does: (keyring) =>
      changePassphrase(keyring, {
        current: SECRETS.person.passphrase,
        next: SECRETS.next.passphrase,
        iterations: ITERATIONS,
      }),
    after: ['service', 'cloud', 'next'],
    slots: 3,
  },
];

describe.each([{ pages: false }, { pages: true }])('with pages: $pages', ({ pages }) => {
  let template: Installation;
  beforeAll(async () => {
    template = await install({ pages });
    gone = slotOf(await openKeyring(template.keyrings, SECRETS.cloud), 'raw');
  });

  it.each(ACTS)('who $name and crashes leaves what was or what comes, and does it again', async (act) => {
    const left = new Set<string>();
    const calls = await crashEverywhere(
      () => copyOf(template),
      async ({ keyrings }) => act.does(await openKeyring(keyrings, SECRETS.cloud)),
      async ({ world, crash, call }) => {
        const where = `${crash} at ${call}`;
        const openers = await openersOf(world.keyrings);
        const isDone = openers.join() !== inOrder(BEFORE);
        expect(openers.join(), where).toBe(inOrder(isDone ? act.after : BEFORE));
        left.add(isDone ? 'done' : 'as it was');
        for (const opener of openers) {
          const keyring = await openKeyring(world.keyrings, SECRETS[opener]);
          expect(await contentsOf(world.records, keyring), where).toEqual(template.contents);
        }

        const keyring = await openKeyring(world.keyrings, SECRETS[openers[0] as SecretName]);
        const code = await codeOf(act.does(keyring));
        expect(code, where).toBe(isDone ? (act.again ?? 'success') : 'success');
        expect(await openersOf(world.keyrings), where).toEqual(act.after);
        expect(listSlots(keyring), where).toHaveLength(act.slots);
        expect(await contentsOf(world.records, keyring), where).toEqual(template.contents);
      },
    );
    expect(calls).toEqual(['read', 'read', 'write']);
    expect([...left].sort()).toEqual(['as it was', 'done']);
  });

  it.each(ACTS)(
    'who $name, is told of a failure and lives on does it again with the same keyring',
    async (act) => {
      await crashEverywhere(
        () => copyOf(template),
        async ({ keyrings, records }) => {
          const keyring = await openKeyring(keyrings, SECRETS.cloud);
          const codes = [await codeOf(act.does(keyring)), await codeOf(act.does(keyring))];
          // The second is done: unless it was this one that was told of a failure.
          if (codes[1] === CRASHED) codes.push(await codeOf(act.does(keyring)));
          expect(['success', act.again]).toContain(codes.at(-1));
          const contents = await contentsOf(records, keyring).catch(() => contentsOf(records, keyring));
          expect(contents).toEqual(template.contents);
        },
        async ({ world, call, outcome }) => {
          if (outcome === 'died') return;
          const isClosed = call === '1: read'; // it was not even opened
          expect(outcome, call).toBe(isClosed ? CRASHED : 'success');
          expect(await openersOf(world.keyrings), call).toEqual(isClosed ? BEFORE : act.after);
        },
      );
    },
  );
});

/** As {@link openersOf} gives them. */
function inOrder(names: readonly SecretName[]): string {
  return Object.keys(SECRETS)
    .filter((name) => names.includes(name as SecretName))
    .join();
}
