/** A value that is not of its type; the message is constant. Becomes `InvalidValueError` where table and column are known. */
export class NotOfTypeError extends Error {}

/** Bytes that are no value of the type. Becomes `AuthenticationError`: a broken frame looks like a failed tag. */
export class BrokenFrameError extends Error {}
