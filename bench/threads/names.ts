/** What contenders and tables are called. */

export const ENCRYPTING = 'Encrypting a batch of records';
export const DECRYPTING = 'Decrypting a batch of records';
export const RENEWING = 'Opening, sealing and verifying three cells of 64 B of each record of a chunk';

/** What is shipped, of each. */
export const SHIPPED: Readonly<Record<string, string>> = {
  [ENCRYPTING]: 'encryptRecords',
  [DECRYPTING]: 'decryptRecords',
  [RENEWING]: 'rotate',
};
/** The prototype's own code in the main thread alone. */
export const LEAN = 'lean';
/** IVs drawn with one call of the generator, within the part of the batch that they are for. */
export const IVS_AT_ONCE = 128;
export const DRAWING = `, IVs ${IVS_AT_ONCE} at once`;
export const LEAN_DRAWING = LEAN + DRAWING;

/** The shape's name, where all IVs are drawn when they are used. */
export function isShape(name: string): boolean {
  return name !== LEAN && !name.endsWith(DRAWING) && !/^(en|de)cryptRecord|^rotate$/.test(name);
}
