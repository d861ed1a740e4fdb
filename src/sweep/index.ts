export { countCells } from './census.js';
export {
  type Ledger,
  type SettledPage,
  sweepPage,
} from './chunk.js';
export { NO_COUNTS, type SweepCounters, addCounters } from './counters.js';
export { type RecordWork, rewriteRecord } from './rewrite.js';
export { STEPS, type StepName, type StepObserver, type SweepEnvironment, step } from './steps.js';
