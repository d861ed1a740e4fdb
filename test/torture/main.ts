/** `npm run torture -- --store postgres|mariadb|sqlite [--kills 50] [--each 1] [--keyring files|database] [--seed N]` */
import { parseArgs } from 'node:util';
import { FAULTS, type Fault } from './faults.js';
import { print, printRooms } from './report.js';
import { ROOMS, isSoundRoom } from './room.js';
import { describeStore } from './stores.js';
import { torture } from './torture.js';
import { STORES, type StoreName } from './world.js';

const { values } = parseArgs({
  options: {
    store: { type: 'string' },
    kills: { type: 'string', default: '50' },
    each: { type: 'string' },
    keyring: { type: 'string', default: 'files' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    /** Not for users: plants a fault, to see it caught. */
    fault: { type: 'string' },
  },
});
const store = STORES.find((name) => name === values.store);
const keyringIn = (['files', 'database'] as const).find((place) => place === values.keyring);
const fault = FAULTS.find((name) => name === values.fault);
const kills = Number(values.kills);
if (!store || !keyringIn || !(kills > 0) || (values.fault !== undefined && !fault)) {
  console.error(
    'npm run torture -- --store postgres|mariadb|sqlite [--kills 50] [--each 1] [--keyring files|database] [--seed N]',
  );
  process.exit(2);
}
await run(store, fault);

async function run(store: StoreName, fault: Fault | undefined): Promise<void> {
  const schema = `cellseal_torture_${process.pid}`;
  const report = await torture({
    store,
    kills,
    each: Number(values.each ?? (kills >= 200 ? 5 : 1)),
    keyringIn: keyringIn ?? 'files',
    seed: Number(values.seed),
    schema,
    ...(fault ? { fault } : {}),
    onProgress: (done, of) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${of}`);
    },
  });
  print(
    report,
    await describeStore({
      store,
      keyringIn: 'files',
      folder: '/tmp',
      schema: store === 'mariadb' ? 'mysql' : 'public',
    }),
  );
  const rooms = store === 'sqlite' && !fault ? await Promise.all(ROOMS.map((room) => room())) : [];
  printRooms(rooms);
  const isSound = report.faults.length === 0 && rooms.every(isSoundRoom);
  process.exitCode = isSound ? 0 : 1;
}
