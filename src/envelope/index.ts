export {
  type ContextFields,
  type ContextPart,
  type ContextValue,
  type Purpose,
  encodeContext,
  encodeContextBefore,
  encodeIndexed,
  encodeItem,
  encodeRecord,
  hkdfInfo,
} from './context.js';
export {
  cellText,
  cellTextOf,
  deterministicParts,
  keyIdIfCell,
  parseCell,
  prefixBytes,
  randomizedParts,
  saltOf,
} from './envelope.js';
