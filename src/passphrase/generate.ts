import { type Bytes, concat } from '../bytes.js';
import { webCryptoEngine } from '../engine/index.js';
import { InvalidPassphraseError } from '../errors.js';
import { platformRandom } from '../platform.js';
import type { Engine, RandomSource } from '../ports/engine.js';
import { type Generated, type PassphraseStyle, type Style, styleNamed, withChecks } from './styles.js';

/** What {@link generatePassphrase} takes. */
export interface GenerateOptions {
  /**
   * `base32` (default): 30 characters of ASCII in groups of five, 130 bits; survives paper, voice and any editor.
   * `unicode`: 12 Chinese characters, 143 bits; must be saved as UTF-8 or UTF-16. `words`: 14 or 26 English words.
   */
  readonly style?: PassphraseStyle;
  /** For `words` only: how many carry the secret, 12 (128 bits, default) or 24 (256 bits). Two more are the check. */
  readonly words?: 12 | 24;
}

/** What generating asks of the outside. */
export interface Generating {
  readonly random: RandomSource;
  readonly digest: Engine['digest'];
}

const WORD_BITS = 11;

/**
 * Draws a passphrase and writes it with check characters, which tell a damaged copy: every single character that is
 * another one, and every two neighbours that have changed places, is noticed before anything is derived.
 *
 * @throws InvalidPassphraseError if there is no such style, or no such number of words.
 * @example
 * ```ts
 * import { generatePassphrase } from 'cellseal/passphrase';
 *
 * const passphrase = await generatePassphrase();
 * console.log(passphrase); // → …-…-…-…-…-…
 * ```
 */
export async function generatePassphrase(options: GenerateOptions = {}): Promise<string> {
  const outside = { random: platformRandom, digest: webCryptoEngine().digest };
  return (await generateWith(outside, options)).written;
}

/** The same with randomness as an argument. */
export async function generateWith(outside: Generating, options: GenerateOptions = {}): Promise<Generated> {
  const style = styleAsked(options);
  for (;;) {
    const generated = withChecks(style, await drawBody(outside, style.style, options.words ?? 12));
    // One in 10,000 of the Unicode style: a check symbol that no character stands for.
    if (generated) return generated;
  }
}

function styleAsked({ style = 'base32', words }: GenerateOptions): Style {
  const row = styleNamed(style);
  if (!row) throw new InvalidPassphraseError('The style is base32, unicode or words.');
  if (words !== undefined && !(style === 'words' && (words === 12 || words === 24)))
    throw new InvalidPassphraseError('The style words has 12 or 24 words; the others have none.');
  return row;
}

async function drawBody(outside: Generating, style: PassphraseStyle, words: number): Promise<number[]> {
  if (style === 'words') return drawWords(outside, words);
  return style === 'unicode'
    ? Array.from({ length: 10 }, () => drawBelow(outside.random, 20_902))
    : Array.from({ length: 26 }, () => drawBelow(outside.random, 32));
}

/** A number below `bound`, every one as likely: what would favour the small ones is drawn again. */
function drawBelow(random: RandomSource, bound: number): number {
  const fair = 2 ** 16 - (2 ** 16 % bound);
  for (;;) {
    const [high = 0, low = 0] = random(2);
    const drawn = (high << 8) | low;
    if (drawn < fair) return drawn % bound;
  }
}

/** BIP 39: the entropy, then the first bits of its SHA-256, one for every 32; cut into numbers of 11 bits. */
async function drawWords({ random, digest }: Generating, words: number): Promise<number[]> {
  const entropy = random((words * 4) / 3);
  const bytes: Bytes = concat(entropy, await digest(entropy));
  const numbers: number[] = [];
  for (let bit = 0; numbers.length < words; bit += WORD_BITS) {
    const [first = 0, second = 0, third = 0] = bytes.subarray(bit >> 3);
    const window = (first << 16) | (second << 8) | third;
    numbers.push((window >> (24 - WORD_BITS - (bit & 7))) & (2 ** WORD_BITS - 1));
  }
  entropy.fill(0);
  bytes.fill(0);
  return numbers;
}
