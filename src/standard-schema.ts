/** The part of the Standard Schema interface (standardschema.dev, version 1) that `json()` calls. */
export interface StandardSchema<Input = unknown, Output = unknown> {
  /** Where the interface puts everything. */
  readonly '~standard': StandardProperties<Input, Output>;
}

/** The properties of a Standard Schema. */
export interface StandardProperties<Input = unknown, Output = unknown> {
  /** The interface's version. */
  readonly version: 1;
  /** The library's name. */
  readonly vendor: string;
  /** Validates a value; may be asynchronous. */
  readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
  /** Never there: it carries the types. */
  readonly types?: StandardTypes<Input, Output> | undefined;
}

/** The types that a Standard Schema carries. */
export interface StandardTypes<Input = unknown, Output = unknown> {
  /** What it takes. */
  readonly input: Input;
  /** What it gives. */
  readonly output: Output;
}

/** What a validation gives. */
export type StandardResult<Output> = StandardSuccess<Output> | StandardFailure;

/** The value is valid. */
export interface StandardSuccess<Output> {
  /** As the schema gives it back. */
  readonly value: Output;
  /** None. */
  readonly issues?: undefined;
}

/** The value is not valid. */
export interface StandardFailure {
  /** They may quote the value, so cellseal passes none on. */
  readonly issues: readonly unknown[];
}

/** Whether a value is a Standard Schema: an object, or for some libraries a function. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  const isHolder = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isHolder && '~standard' in value;
}
