/**
 * Plans blind indexes: which widths are safe for a table, what a look-up costs, and what an observer learns.
 *
 * @packageDocumentation
 */
export {
  type BuiltInTransform,
  type FalseCollisions,
  type GuesserView,
  type IndexPlan,
  type LookupCost,
  type ObserverView,
  type OtherIndex,
  type PlanOptions,
  type PlanWarning,
  type PlanWarningCode,
  type PossibleValues,
  type Span,
  type TopValues,
  type ValueKind,
  planIndex,
} from './blind-index/index.js';
