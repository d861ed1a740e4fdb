/** Every program in `examples/` runs against the packed package, as `npx tsx` would run it, and prints what it should. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PACKING_MS, type Packed, ROOT, consumer, packed, removeConsumers } from './packed.js';
import { node } from './run.js';

const EXAMPLES = join(ROOT, 'examples');

/** What each prints; `…` stands for anything. */
const PRINTED: Readonly<Record<string, string>> = {
  'quick-start.ts': `
    stored: cs1r.… and pro as it is
    read: jane@example.com 1985-02-28 { vip: true } pro
    moved to another record: authentication (customers.email)`,
  'sqlite.ts': `
    patients: Ada: influenza, Ben: influenza, Cleo: influenza, Dan: none, Eve: influenza
    before the rotation: key-in-use 9 cells
    rotation: 0 of 5 records, sweeping
    rotation: 2 of 5 records, sweeping
    rotation: 4 of 5 records, sweeping
    rotation: 5 of 5 records, swept
    the old key: suspended
    patients: Ada: influenza, Ben: influenza, Cleo: influenza, Dan: none, Eve: influenza
    a cell under the old key: suspended-key`,
  'change-key.ts': `
    the old copy reads: Ada
    the new passphrase: …-… (35 characters)
    after changeKey: data deactivated, index deactivated, data active, index active
    new members are under the new key; old ones still read: Ada
    rotation: 0 of 5 records
    rotation: 2 of 5 records
    rotation: 4 of 5 records
    rotation: 5 of 5 records
    finished: data suspended, index suspended, data active, index active
    under way: false
    members: Ada, Ben, Cleo, Dan, Eve
    the old copy reads: unknown-key
    the old passphrase: wrong-secret`,
  'many-records.ts': `
    encrypted: 999 of 1000
      record at 700: invalid-value (visits)
    decrypted: 997 of 999
      record at 1: not-a-cell (iban)
      record at 2: authentication (iban)
    one after another: 10000`,
  'patches-and-projections.ts': `
    UPDATE sets: phone = null, plan = free
    projection: jane@example.com null false
    without its id: missing-record-id id
    plaintext in the database: not-a-cell phone`,
  'search.ts': `
    safe: 10 to 18 bits; with 14 a look-up decrypts 62
    by e-mail address: Jane@Example.com
    one of two: joe@example.com
    by both: Jane@Example.com, joe@example.com
    a badge that somebody has: UNIQUE constraint failed: people.badge_index
    LIKE: not-askable
    0 of 3 records; by e-mail address: Jane@Example.com
    2 of 3 records; by e-mail address: Jane@Example.com
    3 of 3 records; by e-mail address: Jane@Example.com
    index keys: deactivated, active
    the UNIQUE index: next is to add-next (docs/search.md)`,
  'tenants.ts': `
    data keys: shared, acme, globex
    acme reads: DE02
    globex asks for it: key-of-another-tenant
    umbrella asks for what is of initech: authentication`,
  'own-adapter.ts': `
    every case of the suite passed`,
  'raw-key.ts': `
    payload: { to: 'jane@example.com', template: 'welcome' }
    another raw key: wrong-secret`,
  'key-management.ts': `
    every case of the suite passed
    slot: AWS KMS, Frankfurt kms arn:aws:kms:eu-central-1:111122223333:key/example
    slot: in the safe passphrase (no service)
    read: jane@example.com
    under another key of the service: wrong-secret
    while the service is down: TimeoutError`,
  'pkcs11.ts': `
    usage: PKCS11_PIN=… npx tsx examples/pkcs11.ts MODULE TOKEN-LABEL`,
  'commonjs.cjs': `
    read: jane@example.com
    plaintext: not-a-cell true`,
};

let packedNow: Packed;
beforeAll(async () => {
  packedNow = await packed();
}, PACKING_MS);
afterAll(removeConsumers);

describe('the example', () => {
  for (const [file, printed] of Object.entries(PRINTED)) {
    it(file, async () => {
      const files = { [file]: readFileSync(join(EXAMPLES, file), 'utf8') };
      const cwd = consumer(packedNow, { files, has: ['libsql'] });
      const loader = file.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
      const { code, stderr, stdout } = await node(cwd, [...loader, file]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout.split('\n')).toEqual(lines(printed));
    });
  }

  it('that is in the folder is in this list', () => {
    const programs = readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isFile());
    expect(programs.map(({ name }) => name).sort()).toEqual(Object.keys(PRINTED).sort());
  });
});

/** Without the margin; a line with `…` as what matches it. */
function lines(printed: string): unknown[] {
  const all = `${printed.slice(1).replaceAll(/^ {4}/gm, '')}\n`.split('\n');
  return all.map((line) => {
    if (!line.includes('…')) return line;
    const pattern = line.split('…').map((part) => part.replaceAll(/[^\w ]/g, '\\$&'));
    return expect.stringMatching(new RegExp(`^${pattern.join('.*')}$`));
  });
}
