/** A value, or a promise of one: a synchronous engine answers at once, WebCrypto never does. */
export type MaybePromise<T> = T | PromiseLike<T>;

/** Goes on with `next` at once where the value is there, after it where it is a promise. */
export function andThen<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? value.then(next) : next(value);
}

/** {@link andThen} with a way out: `caught` takes what `start` or its promise threw. */
export function rescue<T, U>(
  start: () => MaybePromise<T>,
  caught: (error: unknown) => U,
): MaybePromise<T | U> {
  let value: MaybePromise<T>;
  try {
    value = start();
  } catch (error) {
    return caught(error);
  }
  return isPromise(value) ? value.then(undefined, caught) : value;
}

/** Does `last` whether `start` succeeds or not. */
export function lastly<T>(start: () => MaybePromise<T>, last: () => void): MaybePromise<T> {
  let value: MaybePromise<T>;
  try {
    value = start();
  } catch (error) {
    last();
    throw error;
  }
  if (!isPromise(value)) {
    last();
    return value;
  }
  return value.then(
    (result) => {
      last();
      return result;
    },
    (error: unknown) => {
      last();
      throw error;
    },
  );
}

/** `work` for each item, in order; a promise only where one of the results is. Rejects as `Promise.all` does. */
export function mapEach<T, U>(
  items: readonly T[],
  work: (item: T, position: number) => MaybePromise<U>,
): MaybePromise<U[]> {
  const results = new Array<MaybePromise<U>>(items.length);
  let isWaiting = false;
  try {
    for (let i = 0; i < items.length; i++) {
      const result = work(items[i] as T, i);
      results[i] = result;
      if (isPromise(result)) isWaiting = true;
    }
  } catch (error) {
    for (const result of results) if (isPromise(result)) ignore(result);
    throw error;
  }
  return isWaiting ? Promise.all(results) : (results as U[]);
}

/** `work` for each item, one after the other; a promise only where one of the results is. */
export function inTurn<T>(
  items: readonly T[],
  work: (item: T, position: number) => MaybePromise<void>,
  from = 0,
): MaybePromise<void> {
  for (let i = from; i < items.length; i++) {
    const result = work(items[i] as T, i);
    if (isPromise(result)) return result.then(() => inTurn(items, work, i + 1));
  }
}

/** Whatever comes of it has been told already. */
export function ignore(promise: PromiseLike<unknown>): void {
  promise.then(undefined, () => {});
}

/** Throws for a promise, of which nobody hears what it rejects with: where a function of the application's own must answer at once. */
export function refusePromise<T>(value: T): T {
  if (!isPromise(value)) return value;
  ignore(value);
  throw new TypeError('A promise.');
}

/** A record may have a function called `then`, as its own property: of promises it is their class's. */
export function isPromise<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as PromiseLike<T>).then === 'function' &&
    !Object.hasOwn(value, 'then')
  );
}
