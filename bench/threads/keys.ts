/** A keyring whose data keys the prototype can have too. */
import type { KeyObject } from 'node:crypto';
import type { SynchronousEngine } from 'cellseal';
import { nodeEngine } from '../engines.js';
import { PREFIX_BYTES, type SetupKey } from './cells.js';

const LABEL = 'cellseal/v1/cell-key\0';

/** The Node engine, which tells under which data keys cell keys were derived. */
export function tellingEngine(): { readonly engine: SynchronousEngine; newest(): SetupKey } {
  let newest: SetupKey | undefined;
  const engine: SynchronousEngine = {
    ...nodeEngine,
    deriveAead(key, salt, info) {
      if (Buffer.from(info).toString('latin1', 0, LABEL.length) === LABEL) {
        const prefix = info.slice(LABEL.length, LABEL.length + PREFIX_BYTES);
        newest = { key: key as unknown as KeyObject, prefix, info: info.slice() };
      }
      return nodeEngine.deriveAead(key, salt, info);
    },
  };
  return {
    engine,
    newest() {
      if (!newest) throw new Error('No cell key was derived.');
      return newest;
    },
  };
}
