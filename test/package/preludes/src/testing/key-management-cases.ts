// What the author of a key management service supplies to the suite; here over the fake.
import type { KeyManagementSubject } from 'cellseal/conformance';
import { fakeKeyManagement } from 'cellseal/testing';

export { keyManagementCases } from 'cellseal/conformance';
export { it } from './record-store-cases.js';

export function open(): KeyManagementSubject {
  return { service: fakeKeyManagement() };
}
