/**
 * Suites for authors of adapters. They need no particular test runner.
 *
 * @packageDocumentation
 */
export type { ConformanceCase } from './conformance-case.js';
export { type KeyringStoreSubject, keyringStoreCases } from './keyring-store-cases.js';
export type {
  CaseColumn,
  CaseRow,
  CaseTable,
  OpenRecordStore,
  RecordStoreCasesOptions,
  RecordStoreSubject,
} from './record-store/subject.js';
export { recordStoreCases } from './record-store-cases.js';
