/** Characters of the index key's id at the beginning of a token. */
export const TOKEN_PREFIX_CHARACTERS = 8;
/** 8 bits: the prefix, a dot and two digits. */
export const SHORTEST_TOKEN_CHARACTERS = TOKEN_PREFIX_CHARACTERS + 1 + 2;
/** 256 bits. */
export const LONGEST_TOKEN_CHARACTERS = TOKEN_PREFIX_CHARACTERS + 1 + 64;

const TOKEN = /^([a-z2-7]{8})\.(?:[0-9a-f]{2}){1,32}$/;

/** The characters by which anyone, SQL too, tells the key of a token; `undefined` for what is none. */
export function tokenPrefixOf(value: unknown): string | undefined {
  return typeof value === 'string' ? TOKEN.exec(value)?.[1] : undefined;
}
