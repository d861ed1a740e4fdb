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
    [...bytes].join(', '),
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
  return seen.join('\n');
}

function json(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
  return text ?? '';
}

/** What anybody can see of an error: in a log, in a tracker, over the wire. */
export function visibleError(error: unknown): string {
  const { message, stack } = error as Error;
  return `${message}\n${stack}\n${inspect(error, { depth: null, showHidden: true })}\n${JSON.stringify(error)}`;
}
