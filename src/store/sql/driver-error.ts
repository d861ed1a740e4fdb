/** Deeper than any library wraps a driver's error. */
const DEEPEST = 6;

/** Whether this is true of an error, or of one that it holds: query builders and ORMs wrap what the driver threw. */
export function isDriverError(
  error: unknown,
  is: (fields: Readonly<Record<string, unknown>>) => boolean,
): boolean {
  const look = (value: unknown, depth: number): boolean => {
    if (typeof value !== 'object' || value === null || depth > DEEPEST) return false;
    const fields = value as Readonly<Record<string, unknown>>;
    return is(fields) || HOLDERS.some((name) => look(fields[name], depth + 1));
  };
  return look(error, 0);
}

/** By which names they hold it: the language's own, then Sequelize's, TypeORM's and Prisma's. */
const HOLDERS = ['cause', 'original', 'driverError', 'meta', 'driverAdapterError'];
