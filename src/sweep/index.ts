export { type BindingCount, countBindings } from './bindings.js';
export { countCells } from './census.js';
export { assertAdopts, sweepScope } from './definition.js';
export { type RecordWork, rewriteRecord } from './rewrite.js';
export { STEPS, type StepName, type StepObserver, type SweepEnvironment, step } from './steps.js';
