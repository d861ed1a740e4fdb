import { describe, expect, it } from 'vitest';
import { recordStoreCases } from '../../src/testing/conformance.js';
import { DRIVERS, HAS_NODE_SQLITE } from './sqlite-drivers.js';
import { DECLARATIONS, openMemory, openSqlite } from './subjects.js';

const stores = [
  { name: 'memoryRecords', cases: recordStoreCases(openMemory, { members: ['describe', 'findCells'] }) },
  ...DRIVERS.flatMap((driver) =>
    DECLARATIONS.map((declaration) => ({
      name: `sqliteRecords over ${driver.name}, ${declaration.name}`,
      cases: recordStoreCases(openSqlite(driver, declaration), {
        schemaName: 'main',
        members: ['describe', 'findCells'],
      }),
    })),
  ),
];

for (const { name, cases } of stores) {
  describe(name, () => {
    for (const { name: sentence, run } of cases) it(sentence, run);
  });
}

it('the suite runs over libsql, and over node:sqlite wherever Node has it', () => {
  const wanted = HAS_NODE_SQLITE ? ['libsql', 'node:sqlite'] : ['libsql'];
  expect(DRIVERS.map(({ name }) => name)).toEqual(wanted);
});
