import { CellsealError, type Census, decryptRecord, suspendKey } from 'cellseal';
import type { KeyChange } from './new-key.js';
import type { Row } from './records.js';
import { countCells, keyRows } from './rotation.js';
import type { Story } from './story.js';

/**
 * Suspends the old key on the strength of a census, and reads a row that was copied before the rotation.
 * The other process is still writing.
 */
export async function suspendOldKey(story: Story, { oldKey }: KeyChange, copied: Row): Promise<Census> {
  const { page, keyring, definition } = story;
  page.heading('Census, and the old key suspended');
  const census = await countCells(story);
  // The other writer has ended by now. With writers that go on: noteCensus, wait a day, count again.
  await suspendKey(keyring, oldKey, census, { withoutHold: true });
  page.list(keyRows(story, census));

  const refusal = await decryptRecord(definition, copied, keyring).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof CellsealError)) throw new Error('A cell under a suspended key was not refused.');
  page.line(`A copy of the row of section 3 is of no use any more: ${refusal.name}.`);
  return census;
}
