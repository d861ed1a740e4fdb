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
  type Envelope,
  cellText,
  cellTextOf,
  deterministicParts,
  ivOf,
  keyIdIfCell,
  parseCell,
  prefixBytes,
  saltOf,
} from './envelope.js';
