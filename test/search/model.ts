/** What an application knows to be stored, at every moment: what a look-up must find, and what it may. */

interface Version {
  /** `undefined`: there is no such record. */
  readonly email: string | undefined;
  /** Moments, in the order in which they came. */
  readonly begun: number;
  done: number;
}

export class SearchModel {
  #now = 0;
  readonly #versions = new Map<number, Version[]>();
  /** Every record that has, or had, an address. */
  readonly #ids = new Map<string, Set<number>>();

  moment(): number {
    return ++this.#now;
  }

  /** A write of a record begins; the answer is called when it was acknowledged. */
  write(id: number, email: string | undefined): () => void {
    const version = { email, begun: this.moment(), done: Number.POSITIVE_INFINITY };
    this.#versions.set(id, [...(this.#versions.get(id) ?? []).slice(-3), version]);
    if (email !== undefined) this.#ids.set(email, (this.#ids.get(email) ?? new Set()).add(id));
    return () => {
      version.done = this.moment();
    };
  }

  /** What a look-up that took from one moment to another did wrong. */
  judge(
    email: string,
    found: ReadonlySet<number>,
    from: number,
    to: number,
  ): { wrong: number; missing: number } {
    let [wrong, missing] = [0, 0];
    for (const id of this.#ids.get(email) ?? []) {
      const possible = this.#possible(id, from, to);
      if (!found.has(id) && possible.every((one) => one === email)) missing++;
    }
    for (const id of found) if (!this.#possible(id, from, to).includes(email)) wrong++;
    return { wrong, missing };
  }

  /** What a record may have held at some moment between two. */
  #possible(id: number, from: number, to: number): (string | undefined)[] {
    const versions = this.#versions.get(id) ?? [];
    const settled = versions.findLast(({ done }) => done <= from);
    const meanwhile = versions.filter(({ begun, done }) => begun <= to && done > from);
    return [settled?.email, ...meanwhile.map(({ email }) => email)];
  }
}
