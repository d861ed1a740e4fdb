import type { Schema } from '../schema.js';

/** An attribute that should no longer be adopting. */
export interface OverdueAdoption {
  /** The table's name in its definition. */
  readonly table: string;
  /** The attribute's name. */
  readonly column: string;
  /** What its definition says. */
  readonly until: Date;
}

/** The attributes whose `adopting: { until }` has passed: to warn of. Nothing begins to fail by a clock. */
export function overdueAdoptions({ tables }: Schema, now = new Date()): readonly OverdueAdoption[] {
  return tables.flatMap(({ name, encrypt }) =>
    Object.entries(encrypt).flatMap(([column, { adopting }]) =>
      adopting?.untilMs === undefined || adopting.untilMs > now.getTime()
        ? []
        : [{ table: name, column, until: new Date(adopting.untilMs) }],
    ),
  );
}
