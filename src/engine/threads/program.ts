/**
 * The text of `worker.ts` and of all that it imports, as one module. The build and the tests put it here
 * (scripts/thread-program.mjs), so that no bundler has to find a file. From the bare sources no thread starts.
 */
export const program: string | undefined = undefined;
