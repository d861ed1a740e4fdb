/**
 * Cryptography by `node:crypto`: an engine that answers at once.
 *
 * @packageDocumentation
 */
export { type NodeEngineOptions, nodeEngine } from './engine/node.js';
