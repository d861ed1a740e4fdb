/** A connection that breaks around COMMIT: what became of it is not known, and the store says so by an error. */
import { type AddressInfo, type Socket, createServer, connect as dial } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { StoreBusyError, integer, table, text } from '../../src/index.js';
import { DATABASES } from './databases.js';
import type { Server } from './postgres-subject.js';

const { layout } = table('people', { record: integer('id'), encrypt: { name: text() } });

/** Passes everything on until it is armed; then it cuts the connection at the next COMMIT, before or after the server has it. */
async function proxyTo(port: number) {
  const sockets = new Set<Socket>();
  let cut: 'before' | 'after' | undefined;
  const proxy = createServer((client) => {
    const server = dial(port, '127.0.0.1');
    let isCutting = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) sockets.add(socket.on('error', end).on('close', end));
    client.on('data', (bytes: Buffer) => {
      if (cut && /\bcommit\b/i.test(bytes.toString('latin1'))) {
        if (cut === 'before') {
          cut = undefined;
          return end();
        }
        cut = undefined;
        isCutting = true;
      }
      server.write(bytes);
    });
    server.on('data', (bytes: Buffer) => (isCutting ? end() : client.write(bytes)));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    arm: (when: 'before' | 'after') => {
      cut = when;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

describe.each(DATABASES)('$name', (database) => {
  const open: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  it.each(['before', 'after'] as const)(
    'a connection that breaks %s COMMIT has come through',
    async (when) => {
      const direct: Server = await database.connect();
      open.push(direct);
      await database.clear(direct.executor);
      await direct.executor.query('CREATE TABLE people (id BIGINT PRIMARY KEY, name TEXT)', []);
      await direct.executor.query("INSERT INTO people VALUES (1, 'old')", []);
      const proxy = await proxyTo(database.port);
      open.push(proxy);
      const through = await database.connect({ port: proxy.port, max: 1 });
      open.push(through);
      const store = database.open(through.executor);
      await store.writeJob({ id: 'job', previous: undefined, next: 'stored' });
      const { records } = await store.page(layout, { after: undefined, maxRecords: 1, maxBytes: 1_000 });
      const swaps = records.map(({ key }) => ({ key, cells: [{ cell: 0, old: 'old', new: 'new' }] }));
      const job = () => ({ id: 'job', previous: 'stored', next: 'next' });
      const chunk = { id: 'job', swaps, quarantine: [], job };

      proxy.arm(when);
      const error = await Promise.resolve(store.commit(layout, chunk)).then(
        () => 'committed',
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(Error);
      expect(error).not.toBeInstanceOf(StoreBusyError);
      const isWritten = when === 'after';
      const holds = async () => {
        const [row] = await direct.executor.query('SELECT name FROM people', []);
        return [row?.['name'], await database.open(direct.executor).readJob('job')];
      };
      await expect.poll(holds).toEqual(isWritten ? ['new', 'next'] : ['old', 'stored']);
      // The same store goes on: what was written is not written again.
      expect((await store.commit(layout, chunk)).committed).toBe(!isWritten);
      expect(await holds()).toEqual(['new', 'next']);
    },
  );
});
