/**
 * Plans blind indexes: which widths are safe for a table, what a look-up costs, and what an observer learns.
 *
 * @packageDocumentation
 */
export type { PossibleValues, TopValues, ValueKind } from './distribution.js';
export { entropyWarning } from './entropy.js';
export {
  type FalseCollisions,
  type GuesserView,
  type IndexPlan,
  type LookupCost,
  type ObserverView,
  type OtherIndex,
  type PlanOptions,
  type PlanWarning,
  type PlanWarningCode,
  type Span,
  planIndex,
} from './planner.js';
