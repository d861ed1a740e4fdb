export {
  type ContextFields,
  type ContextPart,
  type ContextValue,
  type Purpose,
  encodeContext,
  encodeIndexed,
  encodeItem,
  hkdfInfo,
} from './context.js';
export {
  cellText,
  deterministicParts,
  headerBytes,
  keyIdIfCell,
  parseCell,
  prefixBytes,
  randomizedParts,
} from './envelope.js';
