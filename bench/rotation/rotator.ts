/** Rotates again and again, to a new key each time, while its parent says `on`; tells at the end how many records it looked at. */
import { join } from 'node:path';
import { activateKey, addKey } from 'cellseal';
import { type Pace, rotate } from 'cellseal/rotation';
import { everything, openBenchKeyring } from './people.js';
import { type PlaceName, openPlace } from './places.js';

const [store = 'sqlite', folder = '', pace = 'full'] = process.argv.slice(2);
const place = await openPlace(store as PlaceName, join(folder, 'people.db'), false);
const keyring = await openBenchKeyring(join(folder, 'keyring'));

let isOn = false;
let isToEnd = false;
let wake: () => void = () => undefined;
let scanned = 0;
process.on('message', (message) => {
  isOn = message === 'on';
  isToEnd = message === 'end';
  wake();
});
process.send?.('ready');

while (!isToEnd) {
  // What was told is told back once nothing of the other state is under way.
  process.send?.(isOn ? 'on' : 'off');
  if (isOn) await sweep();
  else await new Promise<void>((resolve) => (wake = resolve));
}
process.send?.(scanned);
await place.close();
process.disconnect();

async function sweep(): Promise<void> {
  let before: number | undefined;
  for await (const { state, counters } of rotate(everything, {
    keyring,
    records: place.records,
    pace: pace as Pace,
  })) {
    if (before !== undefined) scanned += counters.scanned - before;
    before = counters.scanned;
    if (!isOn) return;
    if (state === 'swept') await activateKey(keyring, await addKey(keyring));
  }
}
