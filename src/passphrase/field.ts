/** A finite field. Its elements are the integers from 0 to `size` − 1. */
export interface Field {
  readonly size: number;
  add(left: number, right: number): number;
  subtract(left: number, right: number): number;
  multiply(left: number, right: number): number;
}

/** GF(2^bits): an element's bits are the coefficients of a polynomial, `modulus` has those of the irreducible one. */
export function binaryField(bits: number, modulus: number): Field {
  const size = 1 << bits;
  const add = (left: number, right: number): number => left ^ right;
  const multiply = (left: number, right: number): number => {
    let product = 0;
    for (let shifted = left, rest = right; rest > 0; rest >>= 1) {
      if (rest & 1) product ^= shifted;
      shifted <<= 1;
      if (shifted & size) shifted ^= modulus;
    }
    return product;
  };
  return { size, add, subtract: add, multiply };
}

/** The integers modulo a prime below 2^26: products stay exact. */
export function primeField(prime: number): Field {
  return {
    size: prime,
    add: (left, right) => (left + right) % prime,
    subtract: (left, right) => (left - right + prime) % prime,
    multiply: (left, right) => (left * right) % prime,
  };
}
