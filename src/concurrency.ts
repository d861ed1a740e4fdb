/** Does `work` for every item, at most `limit` at once, and gives an outcome for each, in the items' order. */
export async function settleAll<T, U>(
  items: readonly T[],
  limit: number,
  work: (item: T, position: number) => Promise<U>,
): Promise<PromiseSettledResult<U>[]> {
  const outcomes = new Array<PromiseSettledResult<U>>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const position = next++;
      outcomes[position] = await settle(work(items[position] as T, position));
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return outcomes;
}

/** The same for work that is all wanted: throws what the first item that failed threw, once nothing is under way. */
export async function mapAll<T, U>(
  items: readonly T[],
  limit: number,
  work: (item: T, position: number) => Promise<U>,
): Promise<U[]> {
  const outcomes = await settleAll(items, limit, work);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

async function settle<U>(promise: Promise<U>): Promise<PromiseSettledResult<U>> {
  try {
    return { status: 'fulfilled', value: await promise };
  } catch (reason) {
    return { status: 'rejected', reason };
  }
}
