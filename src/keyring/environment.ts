import type { Clock } from '../ports/clock.js';
import type { Engine, RandomSource } from '../ports/engine.js';
import type { KeyringListener } from './events.js';

/** What a keyring asks of the outside, as arguments: nothing below the public functions reads a global. */
export interface Environment {
  readonly engine: Engine;
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly onEvent?: KeyringListener | undefined;
}
