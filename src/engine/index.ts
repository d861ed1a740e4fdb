export { webCryptoEngine } from './webcrypto.js';
