/**
 * Suites for authors of adapters. They need no particular test runner.
 *
 * @packageDocumentation
 */
export type { ConformanceCase } from './conformance-case.js';
export { type KeyManagementSubject, keyManagementCases } from './key-management-cases.js';
export type {
  KeyringStoreCasesOptions,
  KeyringStoreMember,
  KeyringStoreSubject,
  OpenReadOnlyKeyring,
} from './keyring-store/subject.js';
export { keyringStoreCases, readOnlyKeyringCases } from './keyring-store-cases.js';
export type {
  CaseColumn,
  CaseRow,
  CaseTable,
  OpenRecordStore,
  RecordStoreCasesOptions,
  RecordStoreMember,
  RecordStoreSubject,
} from './record-store/subject.js';
export { recordStoreCases } from './record-store-cases.js';
export { sqlExecutorCases } from './sql-executor-cases.js';
