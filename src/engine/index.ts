export { threadsOf } from './threads/registry.js';
export { webCryptoEngine } from './webcrypto.js';
