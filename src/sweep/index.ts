export { countCells } from './census.js';
export {
  type CheckSchemaOptions,
  type SchemaReport,
  assertSchema,
  checkSchema,
} from './check-schema.js';
export { assertCovered } from './coverage.js';
export { type RecordWork, rewriteRecord } from './rewrite.js';
export type { SchemaFinding, SchemaFindingCode } from './schema-findings.js';
export { STEPS, type StepName, type StepObserver, type SweepEnvironment, step } from './steps.js';
