import { activateKey, addKey, listKeys } from 'cellseal';
import type { Fault } from './options.js';
import type { Story } from './story.js';
import { shortKey } from './text.js';
import { type Writer, startWriter } from './writer.js';

/** The two keys of the story, and the process that writes from here on. */
export interface KeyChange {
  readonly oldKey: string;
  readonly newKey: string;
  readonly writer: Writer;
}

/** A key is read by every process before the first cell is under it: what one writes, the others can read. */
export async function changeKey(story: Story, faults: readonly Fault[]): Promise<KeyChange> {
  const { page, folder, keyring } = story;
  page.heading('A new key, while another process writes');
  const oldKey =
    listKeys(keyring).find(({ kind, state }) => kind === 'data' && state === 'active')?.keyId ?? '';
  const writer = await startWriter(folder, faults);
  const newKey = await addKey(keyring);
  await writer.refresh();
  await activateKey(keyring, newKey);
  await writer.refresh();
  page.list([
    ['writer', `process ${writer.pid} changes, inserts and deletes rows, and logs it elsewhere`],
    ['introduced', `key ${shortKey(newKey)}: every process reads it before one writes with it`],
    ['active', `new cells are under ${shortKey(newKey)}; ${shortKey(oldKey)} only decrypts`],
  ]);
  return { oldKey, newKey, writer };
}
