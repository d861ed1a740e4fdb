/** What is wrong with an argument or with the user's file. The story ends with this line and exit code 2. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** A name of the user's, as it stands in a message. */
export function quote(name: string): string {
  return JSON.stringify(name);
}
