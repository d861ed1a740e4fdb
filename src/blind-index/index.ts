export type { PossibleValues, ValueKind } from './distribution.js';
export { entropyWarning } from './entropy.js';
export {
  type GuesserView,
  type IndexPlan,
  type LookupCost,
  type ObserverView,
  type OtherIndex,
  type PlanOptions,
  type PlanWarning,
  type PlanWarningCode,
  planIndex,
} from './planner.js';
export { type IndexedValue, type TokenPlace, indexToken } from './token.js';
export { type OwnTransform, type Transform, assertTakes, transformOf } from './transforms.js';
