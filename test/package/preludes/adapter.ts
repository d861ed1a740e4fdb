// What the author of an adapter supplies to the suite; here over the store that is in memory.
import type { OpenRecordStore } from 'cellseal/conformance';
import { memoryRecords } from 'cellseal/memory';

export const open: OpenRecordStore = () => {
  const store = memoryRecords();
  return {
    store,
    insert: ({ definition }, row) => store.insert(definition, row),
    update: ({ definition }, id, changes) => store.update(definition, id, changes),
    remove: ({ definition }, id) => store.remove(definition, id),
    rows: ({ definition }) => store.rows(definition),
    close: () => undefined,
  };
};
