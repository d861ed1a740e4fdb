/** What anybody could see of a thing, and the ways in which a secret could stand in it. */
import { inspect } from 'node:util';
import { serialize } from 'node:v8';

/** Every way to write bytes that somebody might see. */
export function spellings(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes);
  return [
    buffer.toString('hex'),
    buffer.toString('base64').replace(/=+$/, ''),
    buffer.toString('base64url'),
    [...bytes].join(','),
    [...bytes].join(', '), // inspect of a Uint8Array
    [...bytes].map((byte, i) => `"${i}":${byte}`).join(','), // JSON of a Uint8Array
    [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' '), // inspect of a Buffer
    buffer.toString('latin1'),
  ];
}

/** What anybody can see of a value without calling on its insides. */
export function visible(value: unknown): string {
  const seen = [
    inspect(value, {
      depth: null,
      showHidden: true,
      getters: true,
      maxArrayLength: null,
      maxStringLength: null,
    }),
    inspect(value, { depth: null, showProxy: true }),
    json(value),
    String(value),
  ];
  if (typeof value === 'object' && value !== null) {
    seen.push(
      Object.getOwnPropertyNames(value).join(),
      json(Object.entries(Object.getOwnPropertyDescriptors(value))),
    );
  }
  for (const clone of [structuredClone, (given: unknown) => serialize(given).toString('latin1')]) {
    seen.push(inspect(clone(value), { depth: null, showHidden: true, maxArrayLength: null }));
  }
  return inOneLine(seen.join('\n'));
}

/** As it is, and with what inspect has aligned and broken into lines put together again. */
function inOneLine(text: string): string {
  return `${text}\n${text.replace(/\s+/g, ' ')}`;
}

function json(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
  return text ?? '';
}

/** What anybody can see of an error: in a log, in a tracker, over the wire. */
export function visibleError(error: unknown): string {
  const { message, stack } = error as Error;
  const inspected = inspect(error, {
    depth: null,
    showHidden: true,
    maxArrayLength: null,
    maxStringLength: null,
  });
  return inOneLine(`${message}\n${stack}\n${inspected}\n${json(error)}`);
}
