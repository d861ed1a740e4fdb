/** What the tests of types are made of. They run in `tsc`: a type that is not the one expected does not compile. */

/** Whether two types are the same one: `any` equals `any` alone, and modifiers count. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** An intersection as one object type. */
export type Flat<T> = { [K in keyof T]: T[K] };

/** Compiles only for `true`: `holds<Equal<A, B>>()`. */
export function holds<_ extends true>(): void {}
