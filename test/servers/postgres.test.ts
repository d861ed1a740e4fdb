import { afterAll, describe, it } from 'vitest';
import { postgresKeyring } from '../../src/store/postgres.js';
import { keyringStoreCases, recordStoreCases } from '../../src/testing/conformance.js';
import { DECLARATIONS, SCHEMA, openPostgres, openServers } from './postgres-subject.js';

const servers = openServers();
afterAll(() => Promise.all(servers.map((server) => server.close())));

for (const [place, { name: driver, executor }] of servers.entries()) {
  // Declarations differ for the database, not for the driver: the second driver meets the first one.
  for (const declaration of place === 0 ? DECLARATIONS : DECLARATIONS.slice(0, 1)) {
    describe(`postgresRecords over ${driver}, ${declaration.name}`, () => {
      const cases = recordStoreCases(openPostgres(executor, declaration), {
        schemaName: SCHEMA,
        members: ['describe', 'findCells'],
      });
      for (const { name, run } of cases) it(name, run);
    });
  }

  describe(`postgresKeyring over ${driver}`, () => {
    const open = async () => {
      await executor.query(`DROP SCHEMA IF EXISTS ${SCHEMA}_vault CASCADE`, []);
      await executor.query(`CREATE SCHEMA ${SCHEMA}_vault`, []);
      const another = () => postgresKeyring(executor, { table: `${SCHEMA}_vault.Key ring` });
      return { store: another(), another };
    };
    const cases = keyringStoreCases(open, { members: ['restore', 'pages', 'processes', 'usage'] });
    for (const { name, run } of cases) it(name, run);
  });
}
