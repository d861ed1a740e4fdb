/** Logs outside every database: a line of JSON each. */
import { existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** Appends lines; what was appended survives the process, and where it is synced the machine. */
export function openLog<Line>(
  path: string,
  { isSynced }: { readonly isSynced: boolean },
): (line: Line) => void {
  const file = openSync(path, 'a');
  writeSync(file, '\n'); // a line that a kill has cut off stays a line of its own
  return (line) => {
    writeSync(file, `${JSON.stringify(line)}\n`);
    if (isSynced) fsyncSync(file);
  };
}

/** All whole lines; none where there is no such log. */
export function readLog<Line>(path: string): Line[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((text) => {
      try {
        return text === '' ? [] : [JSON.parse(text) as Line];
      } catch {
        return []; // cut off: whoever was writing it had not gone on
      }
    });
}
