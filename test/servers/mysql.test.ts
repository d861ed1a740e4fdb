import { afterAll, describe, it } from 'vitest';
import { mysqlKeyring } from '../../src/store/mysql.js';
import { keyringStoreCases, recordStoreCases } from '../../src/testing/conformance.js';
import { DATABASE, DECLARATIONS, openMysql, openServers } from './mysql-subject.js';

const servers = await openServers();
afterAll(() => Promise.all(servers.map((server) => server.close())));

for (const [place, { name: driver, executor }] of servers.entries()) {
  // Declarations differ for the database, not for the driver: the second driver meets the first one.
  for (const declaration of place === 0 ? DECLARATIONS : DECLARATIONS.slice(0, 1)) {
    describe(`mysqlRecords over ${driver}, ${declaration.name}`, () => {
      const cases = recordStoreCases(openMysql(executor, declaration), {
        schemaName: DATABASE,
        members: ['describe', 'findCells'],
      });
      for (const { name, run } of cases) it(name, run);
    });
  }

  describe(`mysqlKeyring over ${driver}`, () => {
    const open = async () => {
      await executor.query(`DROP DATABASE IF EXISTS ${DATABASE}_vault`, []);
      await executor.query(`CREATE DATABASE ${DATABASE}_vault`, []);
      const another = () => mysqlKeyring(executor, { table: `${DATABASE}_vault.Key ring` });
      return { store: another(), another };
    };
    const cases = keyringStoreCases(open, { members: ['restore', 'pages', 'processes', 'usage'] });
    for (const { name, run } of cases) it(name, run);
  });
}
