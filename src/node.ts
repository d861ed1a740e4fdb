/**
 * Cryptography by `node:crypto`: an engine that answers at once.
 *
 * @packageDocumentation
 */
export { type NodeEngine, type NodeEngineOptions, nodeEngine } from './engine/node.js';
