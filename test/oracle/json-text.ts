/** JSON as a keyring payload spells it (keyring-format.md §3): a tree that keeps every member, and its one spelling. */

export type Json =
  | null
  | boolean
  | string
  | { readonly number: string }
  | { readonly items: readonly Json[] }
  | { readonly members: readonly (readonly [name: string, value: Json])[] };

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const MAX_DEPTH = 1000;

/** The tree of an RFC 8259 text, doubled members and all; undefined where it is none. */
export function parseJson(text: string): Json | undefined {
  const reader = new Reader(text);
  try {
    return reader.whole();
  } catch (error) {
    if (error instanceof NotJson) return undefined;
    throw error;
  }
}

/** The one spelling of a tree: no white space, shortest escapes, numbers as ECMAScript writes them, members as they stand. */
export function spell(json: Json): string {
  if (json === null || typeof json === 'boolean') return String(json);
  if (typeof json === 'string') return spellString(json);
  if ('number' in json) return Number.isFinite(Number(json.number)) ? String(Number(json.number)) : 'null';
  if ('items' in json) return `[${json.items.map(spell).join(',')}]`;
  return `{${json.members.map(([name, value]) => `${spellString(name)}:${spell(value)}`).join(',')}}`;
}

/** Whether a text is the one spelling of its tree: no name doubled, names that look like array indexes first. */
export function isSpelled(text: string, json: Json): boolean {
  return isOrdered(json) && spell(json) === text;
}

/** How many objects and lists stand around the innermost value. */
export function depthOf(json: Json): number {
  return 1 + Math.max(0, ...childrenOf(json).filter(isNested).map(depthOf));
}

/** Whether any object in the tree has a member of this name. */
export function hasName(json: Json, name: string): boolean {
  const isHere = isObject(json) && json.members.some(([candidate]) => candidate === name);
  return isHere || childrenOf(json).some((child) => hasName(child, name));
}

export function isObject(json: Json | undefined): json is Extract<Json, { members: unknown }> {
  return typeof json === 'object' && json !== null && 'members' in json;
}

export function isList(json: Json | undefined): json is Extract<Json, { items: unknown }> {
  return typeof json === 'object' && json !== null && 'items' in json;
}

function isNested(json: Json): boolean {
  return isObject(json) || isList(json);
}

function childrenOf(json: Json): readonly Json[] {
  if (isObject(json)) return json.members.map(([, value]) => value);
  return isList(json) ? json.items : [];
}

function isOrdered(json: Json): boolean {
  if (isObject(json)) {
    const names = json.members.map(([name]) => name);
    if (new Set(names).size < names.length) return false;
    const indexes = names.filter(isIndex).sort((left, right) => Number(left) - Number(right));
    const expected = [...indexes, ...names.filter((name) => !isIndex(name))];
    if (names.some((name, position) => name !== expected[position])) return false;
  }
  return childrenOf(json).every(isOrdered);
}

/** An array index of ECMAScript: 0 to 2^32 − 2, in decimal. */
function isIndex(name: string): boolean {
  return /^(0|[1-9][0-9]{0,9})$/.test(name) && Number(name) <= 4294967294;
}

function spellString(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`; // ASCII that needs no escape, and may be long
  let spelled = '"';
  for (let i = 0; i < text.length; i++) spelled += spellUnit(text, i);
  return `${spelled}"`;
}

function spellUnit(text: string, i: number): string {
  const unit = text.charCodeAt(i);
  const character = text.charAt(i);
  const short = Object.entries(ESCAPES).find(([, meant]) => meant === character)?.[0];
  if (short !== undefined && short !== '/') return `\\${short}`;
  const isHigh = unit >= 0xd800 && unit <= 0xdbff;
  const isLow = unit >= 0xdc00 && unit <= 0xdfff;
  const [before, after] = [text.charCodeAt(i - 1), text.charCodeAt(i + 1)];
  const isAlone =
    (isHigh && !(after >= 0xdc00 && after <= 0xdfff)) || (isLow && !(before >= 0xd800 && before <= 0xdbff));
  if (unit < 0x20 || isAlone) return `\\u${unit.toString(16).padStart(4, '0')}`;
  return character;
}

class NotJson extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Json {
    const json = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw new NotJson();
    return json;
  }

  #value(): Json {
    this.#space();
    if (++this.#depth > MAX_DEPTH) throw new NotJson();
    const json = this.#anything();
    this.#depth--;
    return json;
  }

  #anything(): Json {
    const first = this.#text[this.#at];
    if (first === '{') return { members: this.#sequence('}', () => this.#member()) };
    if (first === '[') return { items: this.#sequence(']', () => this.#value()) };
    if (first === '"') return this.#string();
    for (const [word, meant] of [
      ['null', null],
      ['true', true],
      ['false', false],
    ] as const) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return meant;
    }
    NUMBER.lastIndex = this.#at;
    const number = NUMBER.exec(this.#text)?.[0];
    if (number === undefined) throw new NotJson();
    this.#at += number.length;
    return { number };
  }

  #sequence<T>(end: string, one: () => T): T[] {
    this.#at++;
    const all: T[] = [];
    this.#space();
    if (this.#take(end)) return all;
    for (;;) {
      all.push(one());
      this.#space();
      if (this.#take(end)) return all;
      if (!this.#take(',')) throw new NotJson();
    }
  }

  #member(): [string, Json] {
    this.#space();
    if (this.#text[this.#at] !== '"') throw new NotJson();
    const name = this.#string();
    this.#space();
    if (!this.#take(':')) throw new NotJson();
    return [name, this.#value()];
  }

  #string(): string {
    this.#at++;
    let text = '';
    for (;;) {
      const character = this.#text.charAt(this.#at++);
      if (character === '"') return text;
      if (character < ' ') throw new NotJson(); // the end of the text too
      text += character === '\\' ? this.#escape() : character;
    }
  }

  #escape(): string {
    const letter = this.#text.charAt(this.#at++);
    if (letter !== 'u') {
      const meant = ESCAPES[letter];
      if (meant === undefined) throw new NotJson();
      return meant;
    }
    const digits = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new NotJson();
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #space(): void {
    while (/^[ \t\n\r]$/.test(this.#text.charAt(this.#at))) this.#at++;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }
}
