/**
 * For the tests of applications: a keyring that costs nothing, proof that rows are sealed, a key management service that
 * says it is a fake. Any test runner will do.
 *
 * @packageDocumentation
 */
export {
  type ExpectSealedOptions,
  NotSealedError,
  expectOpens,
  expectSealed,
} from './expect-sealed.js';
export {
  type FakeKeyManagement,
  type FakeKeyManagementOptions,
  fakeKeyManagement,
} from './fake-key-management.js';
export { type TestKeyringOptions, testKeyring } from './test-keyring.js';
