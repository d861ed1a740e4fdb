import { describe, expect, it, onTestFinished } from 'vitest';
import { bytes, integer, suspendKey, table, text, uuid } from '../../src/index.js';
import { listQuarantine } from '../../src/rotation/index.js';
import { PLACES, type Place, type Row, World } from './world.js';

const accounts = table('accounts', {
  record: uuid('id'),
  tenant: integer('owner', { column: 'the owner' }),
  encrypt: { iban: text(), mood: text({ bind: 'column' }), scan: bytes({ form: 'binary' }) },
});
// The tenant is a part of the record's id.
const invoices = table('invoices', {
  record: [integer('tenant'), integer('number')],
  tenant: integer('tenant'),
  encrypt: { total: text() },
});

const OWNERS = [2n, 9n, 10n, 2n ** 60n + 1n];
/** With a key of its own. */
const OWNER = 10n;
const RECORDS = 12;

const account = (i: number): Row => ({
  id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
  owner: OWNERS[i % OWNERS.length],
  iban: `iban ${i}`,
  mood: `mood ${i}`,
  scan: Uint8Array.of(i),
});
const invoice = (i: number): Row => ({
  tenant: OWNERS[i % OWNERS.length],
  number: BigInt(i),
  total: `${i} €`,
});

async function open(place: Place): Promise<World> {
  const world = await World.make(place, [accounts, invoices]);
  onTestFinished(() => world.close());
  for (let i = 0; i < RECORDS; i++) {
    await world.insert(accounts, account(i));
    await world.insert(invoices, invoice(i));
  }
  return world;
}

const quarantine = async (world: World): Promise<string[]> => {
  const entries = await listQuarantine({ keyring: await world.keyring(), records: world.records.open() });
  return entries.map(({ table: name, column, code }) => `${name}.${column}: ${code}`).sort();
};

const A_QUARTER = RECORDS / OWNERS.length;

describe.each(PLACES)('a rotation of tenants over $name', (place) => {
  it('seals each record under the key of its tenant, or under the one that all share', async () => {
    const world = await open(place);
    const contents = await world.contents();
    const shared = await world.newKey();
    const own = await world.newKey(OWNER);
    await world.rotated();
    expect((await world.census()).cells).toEqual({
      [shared]: 4 * (RECORDS - A_QUARTER),
      [own]: 4 * A_QUARTER,
    });
    expect(await world.contents()).toEqual(contents);
    expect(await quarantine(world)).toEqual([]);
  });

  it('touches nobody else’s records when one tenant gets another key', async () => {
    const world = await open(place);
    const first = await world.newKey(OWNER);
    await world.rotated();
    const others = async () => {
      const rows = [...(await world.stored(accounts)), ...(await world.stored(invoices))];
      return rows.filter((row) => BigInt((row['owner'] ?? row['tenant']) as bigint) !== OWNER);
    };
    const before = await others();
    const contents = await world.contents();
    const second = await world.newKey(OWNER);
    const progress = await world.rotated();
    expect(progress.at(-1)?.counters).toMatchObject({
      rewritten: 4 * A_QUARTER,
      current: 4 * (RECORDS - A_QUARTER),
    });
    expect(await others()).toEqual(before);
    expect(await world.contents()).toEqual(contents);
    const count = await world.census();
    expect(count.cells[second]).toBe(4 * A_QUARTER);
    const keyring = await world.keyring();
    await suspendKey(keyring, first, await world.census(keyring), { withoutHold: true });
    expect(await world.contents()).toEqual(contents);
  });

  it('takes the tenant from its column: what was moved to another tenant is refused, and not sealed for it', async () => {
    const world = await open(place);
    await world.newKey(OWNER);
    await world.rotated();
    const rows = await world.stored(accounts);
    const ofOwner = rows.find((row) => row['id'] === account(2)['id']) as Row;
    const ofOther = rows.find((row) => row['id'] === account(3)['id']) as Row;
    await world.change(accounts, ofOwner, { owner: 9n });
    await world.change(accounts, ofOther, { owner: 9n });
    await world.newKey();
    await world.newKey(OWNER);
    await world.rotated();
    expect(await quarantine(world)).toEqual([
      'accounts.iban: authentication',
      'accounts.iban: key-of-another-tenant',
      'accounts.mood: authentication',
      'accounts.mood: key-of-another-tenant',
      'accounts.scan: authentication',
      'accounts.scan: key-of-another-tenant',
    ]);
    const { id: _first, owner: _one, ...cellsOfOwner } = ofOwner;
    const { id: _second, owner: _two, ...cellsOfOther } = ofOther;
    const after = await world.stored(accounts);
    expect(after.find((row) => row['id'] === ofOwner['id'])).toMatchObject(cellsOfOwner);
    expect(after.find((row) => row['id'] === ofOther['id'])).toMatchObject(cellsOfOther);
  });

  it('refuses a cell of another tenant, also where cells are bound to their column alone', async () => {
    const world = await open(place);
    const rows = await world.stored(accounts);
    const of = (i: number) => rows.find((row) => row['id'] === account(i)['id']) as Row;
    await world.change(accounts, of(1), { mood: of(5)['mood'] }); // of the same tenant: a column's cells may be moved
    await world.change(accounts, of(2), { mood: of(3)['mood'] });
    await world.newKey();
    await world.rotated();
    expect(await quarantine(world)).toEqual(['accounts.mood: authentication']);
    const now = await world.stored(accounts);
    const moved = now.find((row) => row['id'] === account(1)['id']) as Row;
    expect((await world.opened(accounts, moved))['mood']).toBe(account(5)['mood']);
    expect(now.find((row) => row['id'] === account(2)['id'])?.['mood']).toBe(of(3)['mood']);
  });

  it('refuses the cells of a record whose tenant is missing, and does the others', async () => {
    const world = await open(place);
    const before = await world.stored(accounts);
    await world.change(accounts, account(6), { owner: null });
    const newest = await world.newKey();
    await world.rotated();
    expect(await quarantine(world)).toEqual(
      ['iban', 'mood', 'scan'].map((column) => `accounts.${column}: missing-tenant`),
    );
    const find = (rows: readonly Row[]) => rows.find((row) => row['id'] === account(6)['id']);
    expect(find(await world.stored(accounts))).toEqual({ ...find(before), owner: null });
    expect((await world.census()).cells[newest]).toBe(4 * RECORDS - 3);
  });
});
