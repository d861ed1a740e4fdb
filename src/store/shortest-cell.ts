import { KEY_TAG_BYTES, KEY_TAG_CHARACTERS } from '../key-tag.js';
import { MIN_CELL_BYTES } from '../limits.js';

/** What is shorter is no cell of either mode, whatever it begins with: no key could open it, and a census does not count it. */
export const SHORTEST_CELL_BYTES = Math.min(...Object.values(MIN_CELL_BYTES));
/** The same as text: the key tag, and base64url of the rest. */
export const SHORTEST_CELL_CHARACTERS =
  KEY_TAG_CHARACTERS + Math.ceil(((SHORTEST_CELL_BYTES - KEY_TAG_BYTES) * 4) / 3);
