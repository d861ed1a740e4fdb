import type { ValueTypeName } from '../codec/index.js';

const BY_TRANSFORM: Readonly<Record<string, string>> = Object.freeze({
  'last4-1':
    'Four digits are 10,000 values: in a large table every token stands for many records, and whoever holds the index key, or can have values encrypted, finds the digits by trying them all. Take a width under 13 bits (planIndex says which), or index the whole number.',
  'email-domain-1':
    'A few domains hold most addresses: the sizes of the groups of equal tokens show which token is which of them, whatever the width. The rare domains name an employer. Index the whole address if that serves.',
});

const BY_TYPE: Readonly<Partial<Record<ValueTypeName, string>>> = Object.freeze({
  boolean:
    'A boolean has two values: a look-up reads about half of the table, and equal tokens show to everyone which records share the answer, and by their number often which answer it is. Index it only together with another attribute (a compound index), or decrypt and filter.',
  date: 'Dates are few: all days of birth of people alive are about 40,000, which whoever holds the index key, or can have values encrypted, finds by trying them all. Take a width under 15 bits (planIndex says which), or index it together with another attribute (a compound index).',
});

/**
 * What is known of an index of one attribute before anything is known of its table: that its values are few or uneven.
 * `undefined` where the type and the transform do not say. Not for a compound index: its parts together are another matter.
 */
export function entropyWarning(type: ValueTypeName, transform: string): string | undefined {
  return BY_TYPE[type] ?? (Object.hasOwn(BY_TRANSFORM, transform) ? BY_TRANSFORM[transform] : undefined);
}
