// What the author of a key management service supplies to the suite; here over the fake.
export { open } from './src/testing/key-management-cases.js';
