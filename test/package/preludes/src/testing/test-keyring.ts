// What the example of testKeyring takes for granted.
export { memoryKeyring } from 'cellseal/memory';
export { testKeyring } from 'cellseal/testing';
