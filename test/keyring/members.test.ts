/** Processes that share a keyring in files, or in SQLite: they read it, are waited for, are frozen, count, and end. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type Keyring,
  activateKey,
  addKey,
  awaitAcknowledgement,
  createKeyring,
  describeKeyring,
  forgetProcess,
  listKeyUsage,
  listKeys,
  listProcesses,
  listTenantKeys,
  openKeyring,
  refreshKeyring,
} from '../../src/index.js';
import { type StoreName, type Task, memberTenant, storeAt } from './processes/member.js';
import { RAW_KEY } from './support.js';

const RAW_KEY_HEX = Buffer.from(RAW_KEY).toString('hex');
const TYPESCRIPT = ['--import', 'tsx'];
const script = new URL('./processes/member.ts', import.meta.url);
const root = fileURLToPath(new URL('../..', import.meta.url));
const MAX_STALE_MS = 1_500;
/** Longer than anything takes that is to come to its end. */
const PATIENCE_MS = 60_000;

interface Told {
  readonly lastUsed: readonly (readonly [keyId: string, atMs: number])[];
  readonly failures: readonly string[];
  readonly revision: number;
}

interface Message {
  readonly done?: unknown;
  readonly failed?: unknown;
  readonly added?: readonly string[];
}

class Member {
  readonly #child: ChildProcess;
  /** What it said of its tasks, one after the other. */
  readonly #said: Message[] = [];
  #hear: () => void = () => undefined;
  /** Tenants that it said were added. */
  readonly added: string[] = [];

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: Message) => {
      if (message.added) this.added.push(...message.added);
      else this.#said.push(message);
      this.#hear();
    });
  }

  async next(): Promise<unknown> {
    while (this.#said.length === 0) {
      await new Promise<void>((hear) => {
        this.#hear = hear;
      });
    }
    const { done, failed } = this.#said.shift() as Message;
    if (failed !== undefined) throw new Error(String(failed));
    return done;
  }

  carryOut(task: Task): Promise<unknown> {
    const done = this.next();
    this.#child.send(task);
    return done;
  }

  send(task: Task): void {
    this.#child.send(task);
  }

  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    this.#child.kill(name);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

describe.each(['files', 'SQLite'] as const)('processes over a keyring in %s', (store) => {
  function newPlace(): string {
    const place = mkdtempSync(join(tmpdir(), 'cellseal-members-'));
    onTestFinished(() => rmSync(place, { recursive: true }));
    return place;
  }

  async function started(
    place: string,
    name: string,
    maxStaleMs = Number.POSITIVE_INFINITY,
  ): Promise<Member> {
    const given = [store satisfies StoreName, place, RAW_KEY_HEX, name, String(maxStaleMs)];
    const member = new Member(fork(script, given, { execArgv: TYPESCRIPT, cwd: root }));
    onTestFinished(() => member.end());
    expect(await member.next()).toBe('ready');
    return member;
  }

  async function created(place: string): Promise<Keyring> {
    return createKeyring(storeAt(store, place), { rawKey: RAW_KEY });
  }

  it('are waited for until all have read; a frozen one is passed over when it cannot write any more', async () => {
    const place = newPlace();
    const keyring = await created(place);
    const [alive, frozen] = await Promise.all([
      started(place, 'alive', MAX_STALE_MS),
      started(place, 'frozen', MAX_STALE_MS),
    ]);
    for (const member of [alive, frozen]) await member.carryOut({ do: 'seal on' });
    const old = listKeys(keyring)[0]?.keyId as string;
    frozen.signal('SIGSTOP');
    const next = await addKey(keyring);
    await awaitAcknowledgement(keyring, undefined, { timeoutMs: PATIENCE_MS });
    const read = (await listProcesses(keyring)).map(({ name, revision }) => `${name} ${revision}`).sort();
    expect(read).toEqual(['alive 2', 'frozen 1']);
    const passedOverMs = Date.now();
    await activateKey(keyring, next);
    await awaitAcknowledgement(keyring, undefined, { timeoutMs: PATIENCE_MS });
    const activeMs = Date.now();
    frozen.signal('SIGCONT');
    for (const member of [alive, frozen]) {
      let told: Told;
      do told = (await member.carryOut({ do: 'tell' })) as Told;
      while (!told.lastUsed.some(([keyId]) => keyId === next));
      const used = new Map(told.lastUsed);
      // Nobody has sealed under the old key since everybody had to write with the new one.
      expect(used.get(old)).toBeLessThan(member === frozen ? passedOverMs : activeMs);
      expect([...used.keys()]).toEqual([old, next]);
      expect(told.failures).toEqual([]);
    }
  }, 90_000);

  it('that are frozen and have no limit are waited for, by name, until they go on or are struck off', async () => {
    const place = newPlace();
    const keyring = await created(place);
    const frozen = await started(place, 'web-1');
    frozen.signal('SIGSTOP');
    await addKey(keyring);
    const waiting = awaitAcknowledgement(keyring, undefined, { timeoutMs: 2 * MAX_STALE_MS });
    await expect(waiting).rejects.toMatchObject({
      code: 'not-acknowledged',
      waitingFor: ['web-1 (revision 1)'],
    });
    frozen.signal('SIGCONT');
    await awaitAcknowledgement(keyring, undefined, { timeoutMs: PATIENCE_MS });
    frozen.signal('SIGKILL');
    await addKey(keyring);
    await expect(awaitAcknowledgement(keyring, undefined, { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'not-acknowledged',
    });
    const [{ processId } = { processId: '' }] = await listProcesses(keyring);
    await forgetProcess(keyring, processId);
    await awaitAcknowledgement(keyring, undefined, { timeoutMs: 0 });
  }, 90_000);

  it('that have nothing else to do end by themselves: a watch keeps none alive', async () => {
    const place = newPlace();
    const keyring = await created(place);
    const path = fileURLToPath(script);
    const given = [...TYPESCRIPT, path, store, place, RAW_KEY_HEX, 'idle', 'Infinity'];
    const child = spawn(process.execPath, given, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', (text) => {
      said += String(text);
    });
    expect(await once(child, 'close')).toEqual([0, null]); // a test that waits in vain ends by its time limit
    expect(said).toBe('watching\n');
    expect((await listProcesses(keyring)).map(({ name }) => name)).toEqual(['idle']); // nobody struck it off
  }, 60_000);

  it('that are closed are struck off, and have told what they have sealed', async () => {
    const place = newPlace();
    const keyring = await created(place);
    const members = await Promise.all(['a', 'b', 'c'].map((name) => started(place, name)));
    expect((await listProcesses(keyring)).map(({ name }) => name).sort()).toEqual(['a', 'b', 'c']);
    const cells = [200_000, 70_000, 900];
    await Promise.all(members.map((member, i) => member.carryOut({ do: 'seal', cells: cells[i] as number })));
    for (const member of members) expect(await member.carryOut({ do: 'close' })).toBe('closed');
    expect(await listProcesses(keyring)).toEqual([]);
    const total = cells.reduce((sum, more) => sum + more, 0);
    const told = (await listKeyUsage(keyring))[0]?.cells ?? 0;
    expect(Math.abs(told - total)).toBeLessThan(cells.length * 1_024);
  }, 60_000);

  it('that add tenants at once lose none, and all read what each has added', async () => {
    const place = newPlace();
    const keyring = await created(place);
    const members = await Promise.all(['a', 'b'].map((name) => started(place, name)));
    const counts = await Promise.all(
      members.map((member, i) => member.carryOut({ do: 'add tenants', from: 1_000 * i, rounds: 16 })),
    );
    expect(counts).toEqual([80, 80]);
    await refreshKeyring(keyring);
    expect(describeKeyring(keyring).pages).toBeGreaterThan(1);
    expect(keyring.revision).toBe(1 + 2 * 16);
    const tenants = members.flatMap(({ added }) => added);
    expect(tenants).toHaveLength(160);
    for (const member of members) {
      const numbers = (await member.carryOut({ do: 'tenants', tenants })) as number[];
      expect(new Set(numbers)).toEqual(new Set([2]));
    }
  }, 90_000);

  it('that are killed while they add tenants leave every tenant that they said was added', async () => {
    const place = newPlace();
    await created(place);
    const added: string[] = [];
    for (let round = 0; round < 4; round++) {
      const member = await started(place, `killed ${round}`);
      member.send({ do: 'add tenants', from: 10_000 * round, rounds: 1_000 });
      const some = 60 + 5 * round;
      while (member.added.length < some)
        await new Promise((resolve) => setTimeout(resolve, 3 * Math.random()));
      await member.end();
      added.push(...member.added);
      const keyring = await openKeyring(storeAt(store, place), { rawKey: RAW_KEY });
      for (const tenant of added) expect(await listTenantKeys(keyring, tenant)).toHaveLength(2);
      // What was under way is there whole, or not at all.
      const last = 10_000 * round + member.added.length;
      const numbers = await Promise.all(
        Array.from(
          { length: 5 },
          async (_, i) => (await listTenantKeys(keyring, memberTenant(last + i))).length,
        ),
      );
      expect([0, 2]).toContain(numbers[0]);
      expect(new Set(numbers).size).toBe(1);
    }
    const keyring = await openKeyring(storeAt(store, place), { rawKey: RAW_KEY });
    expect(describeKeyring(keyring).pages).toBeGreaterThan(1);
  }, 120_000);
});
