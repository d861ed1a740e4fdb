const NAMES: Readonly<Record<number, string>> = {
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  13: 'SQLITE_FULL',
};

/** The primary result code by name, whichever driver tells it. */
export function sqliteCode(error: unknown): string {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return NAMES[errcode & 0xff] ?? String(errcode);
  return /^SQLITE_[A-Z]+/.exec(String(code))?.[0] ?? String(error);
}
