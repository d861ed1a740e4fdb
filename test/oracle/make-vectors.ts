/**
 * Makes test/vectors/cell-v1-more.json: `npx tsx test/oracle/make-vectors.ts`.
 * Expectations and short framed values are written by hand in make/; the oracle only seals, and a disagreement throws.
 */
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { makeCells } from './make/cells.js';
import { makeContexts, makeLarge, makeUnencodable } from './make/encodings.js';
import { makeIndexes, makeRefusedIndexes } from './make/indexes.js';
import { makeOrder, makeRefused } from './make/refused.js';
import type { MoreCellVectors } from './vectors.js';

const DESCRIPTION = [
  'More known answers and refusals for the cell format, version 1, laid out as in cell-v1.json.',
  'Byte strings are lowercase hex. A context or index value is a string, {"integer"}, {"bytes"} or {"tuple"}. Floats are given as their eight bytes, integers and timestamps as decimal strings.',
  '"cells": seal to exactly these bytes and open again; a cell of type null is of an attribute that hides its nulls.',
  '"refused": one fault each; a case that expects success stands beside each family and may say the value read. Each form given, text or binary, is refused alike; a case with a cell and no text is about the binary form only, and the reverse.',
  '"keys" are the data keys of the keyring, [{key, tenant?, state?}]: no tenant means shared, no state means active. Without "keys" there is one, shared and active: dataKey. A destroyed key is given with its bytes so that a test can make its id and commitment; the keyring holds only those.',
  '"tenantRotated": the first rotation of the context\'s tenant has finished, so that shared keys no longer pass.',
  '"pad", "hideNull" and "maxFramedBytes" are what the attribute declares; maxFramedBytes is 1,048,576 where absent. "framed" is the framed value inside, where the seal verifies and only the frame is at fault.',
  '"appendZeros": so many zero bytes follow the bytes of "cell".',
  '"order": two faults each, of which format.md §8 names the one expected first; otherwise as "refused".',
  '"indexes": "value" is already transformed; a null value or part gives a null token. "refusedIndexes" are refused when they are defined or used.',
  '"contexts": the encoding of a context, or null where it must be refused (with the HKDF info that it would stand in, for the purposes scope and det-scope).',
  '"unencodable": values and declarations refused before anything is sealed.',
  '"large": the value is "value" repeated "times" times; the SHA-256 of the cell in each form.',
].join(' ');

/** The whole file as an object. */
export function makeVectors(): MoreCellVectors {
  return {
    description: DESCRIPTION,
    cells: makeCells(),
    refused: makeRefused(),
    indexes: makeIndexes(),
    order: makeOrder(),
    refusedIndexes: makeRefusedIndexes(),
    contexts: makeContexts(),
    unencodable: makeUnencodable(),
    large: makeLarge(),
  };
}

/** JSON in ASCII, so that no editor can change a character unseen. */
export function toAsciiJson(value: unknown): string {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(value, null, 1).replace(/[\x7f-\uffff]/g, escaped)}\n`;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../vectors/cell-v1-more.json', import.meta.url), toAsciiJson(makeVectors()));
}
