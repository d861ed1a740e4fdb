export { type BindingCount, countBindings } from './bindings.js';
export { countCells } from './census.js';
export {
  type CheckSchemaOptions,
  type SchemaReport,
  assertSchema,
  checkSchema,
} from './check-schema.js';
export {
  type Ledger,
  type SettledPage,
  sweepPage,
} from './chunk.js';
export { NO_COUNTS, type SweepCounters, addCounters } from './counters.js';
export { assertCovered } from './coverage.js';
export { assertHeeds, sweepScope } from './definition.js';
export { type SwapWork, apart, isSwap } from './duplicates.js';
export { isNote } from './place.js';
export { rewriteRecord } from './rewrite.js';
export type { SchemaFinding, SchemaFindingCode } from './schema-findings.js';
export { STEPS, type StepName, type StepObserver, type SweepEnvironment, step } from './steps.js';
