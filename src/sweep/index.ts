export { countCells } from './census.js';
export { type RecordWork, rewriteRecord } from './rewrite.js';
export { STEPS, type StepName, type StepObserver, type SweepEnvironment, step } from './steps.js';
