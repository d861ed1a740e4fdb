/** A whole file: how many cases were verified, or the first that differs. */
import { readFile } from 'node:fs/promises';
import { CellsealError } from '../../src/errors.js';
import { checkCell, checkIndex, checkRefused } from './checks.js';
import { VectorFault, type VectorFile, parseVectors } from './layout.js';

/** What came of a file. */
export interface Verdict {
  readonly verified: boolean;
  /** One line for people. */
  readonly line: string;
  /** What was not looked at, one line each. */
  readonly notes: readonly string[];
}

/** Verifies a file of vectors with the library. */
export async function verifyFile(path: string): Promise<Verdict> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return { verified: false, line: `${path}: cannot be read`, notes: [] };
  }
  try {
    const file = parseVectors(text);
    const notes = notesOn(file);
    await verifyEach(file.cells, checkCell);
    const refused = file.refused.filter(isVerifiable);
    await verifyEach(refused, checkRefused);
    await verifyEach(file.indexes, checkIndex);
    const line = `${file.cells.length} cells, ${refused.length} refusals, ${file.indexes.length} index tokens verified`;
    return { verified: true, line, notes };
  } catch (error) {
    if (error instanceof VectorFault) return { verified: false, line: error.message, notes: [] };
    throw error;
  }
}

async function verifyEach<T extends { readonly place: string }>(
  cases: readonly T[],
  check: (vector: T) => Promise<void>,
): Promise<void> {
  for (const vector of cases) {
    try {
      await check(vector);
    } catch (error) {
      throw new VectorFault(`${vector.place}: ${messageOf(error)}`);
    }
  }
}

/** What differs; or what the library says of a case that it refuses as a whole, of a definition that cannot be, perhaps. */
function messageOf(error: unknown): string {
  if (error instanceof VectorFault) return error.message;
  return error instanceof CellsealError ? `${error.code}: ${error.message}` : String(error);
}

/** A keyring does not yet say that a tenant's first rotation has finished, so nobody can be asked. */
function isVerifiable({ tenantRotated }: { readonly tenantRotated: boolean }): boolean {
  return !tenantRotated;
}

function notesOn({ refused, others }: VectorFile): string[] {
  const left = refused.filter((vector) => !isVerifiable(vector));
  return [
    ...left.map(({ place }) => `not verified: ${place}: tenantRotated is not known here`),
    ...(others.length > 0 ? [`not looked at: ${others.join(', ')}`] : []),
  ];
}
