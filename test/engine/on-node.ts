/**
 * Stands for `src/engine/index.ts` where `CELLSEAL_ENGINE=node` is set (vitest.config.ts): what asks for the default
 * engine gets the one on node:crypto, so that every test runs on both. Who gives a `subtle` wants WebCrypto itself.
 */
import { nodeEngine } from '../../src/engine/node.js';

export { threadsOf } from '../../src/engine/threads/registry.js';

import { webCryptoEngine as onWebCrypto } from '../../src/engine/webcrypto.js';

export const webCryptoEngine: typeof onWebCrypto = (subtle) => (subtle ? onWebCrypto(subtle) : nodeEngine());
