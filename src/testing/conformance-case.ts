/** One case: give it to any test runner, or run it as it is. It rejects where the subject does not conform. */
export interface ConformanceCase {
  /** A sentence. */
  readonly name: string;
  /** Runs the case on a subject of its own. */
  run(): Promise<void>;
}
