/**
 * Which Chinese characters are everyday ones: those that the national standards put first because they are the most
 * used, in China (GB 2312 level 1), Taiwan (Big5 level 1) and Japan (JIS X 0208 level 1). Nearly all that people write
 * is among them, and not half of what is drawn from all 20,902: so it can be told who wrote a text, a person or
 * {@link generatePassphrase}, also where no check symbol is left.
 */
const LISTS: readonly { readonly encoding: string; readonly lead: Range; readonly trail: Range }[] = [
  { encoding: 'gbk', lead: [0xb0, 0xd7], trail: [0xa1, 0xfe] },
  { encoding: 'big5', lead: [0xa4, 0xc6], trail: [0x40, 0xfe] },
  { encoding: 'euc-jp', lead: [0xb0, 0xcf], trail: [0xa1, 0xfe] },
];
type Range = readonly [first: number, last: number];

/** A person who chose these few rarities would have had to look for them. */
const FEW = 2;

let everyday: ReadonlySet<string> | undefined;

/** Whether this many of the characters are rare that it takes a random draw to explain them. */
export function looksDrawn(characters: readonly string[]): boolean {
  everyday ??= everydayCharacters();
  // Where the platform lacks these encodings, nothing is said.
  if (everyday.size === 0) return false;
  return characters.filter((character) => isIdeograph(character) && !everyday?.has(character)).length > FEW;
}

/** Whether it is one of those that the Unicode style draws from. */
export function isIdeograph(character: string): boolean {
  return character >= '\u4e00' && character <= '\u9fa5' && character.length === 1;
}

function everydayCharacters(): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { encoding, lead, trail } of LISTS) {
    const bytes: number[] = [];
    for (let first = lead[0]; first <= lead[1]; first++)
      for (let second = trail[0]; second <= trail[1]; second++) bytes.push(first, second, 0x20);
    const text = decodeAs(encoding, Uint8Array.from(bytes));
    if (text === undefined) return new Set();
    for (const character of text) if (isIdeograph(character)) found.add(character);
  }
  return found;
}

/** The text in one of the old encodings, or `undefined` where this platform does not know it. */
export function decodeAs(encoding: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encoding).decode(bytes);
  } catch {
    return undefined;
  }
}
