/** Threads that hold the same keys, and the shapes in which they share a batch out. */
import { Cells, type Setup } from './cells.js';
import { type Crew, type Job, alone, together } from './crew.js';
import { type Lane, messageLane, sharedLane } from './lanes.js';
import { DRAWING, IVS_AT_ONCE, LEAN, LEAN_DRAWING } from './names.js';

/** A way to do a whole batch. */
export interface Way {
  readonly name: string;
  do<In, Out>(job: Job<In, Out>, items: readonly In[]): Out[] | Promise<Out[]>;
}

export interface Staff {
  readonly ways: readonly Way[];
  close(): Promise<void>;
}

export function employ(setup: Setup): Staff {
  const drawingSetup: Setup = { ...setup, ivsAtOnce: IVS_AT_ONCE };
  const [cells, drawing] = [new Cells(setup), new Cells(drawingSetup)];
  const [first, second, drawingOne] = [messageLane(setup), messageLane(setup), messageLane(drawingSetup)];
  const [third, fourth] = [sharedLane(setup), sharedLane(setup)];

  const messages = (lanes: readonly Lane[], isMainAtWork: boolean): Crew => ({
    ...{ cells, lanes, isMainAtWork, needsTurns: true },
  });
  const shared = (lanes: readonly Lane[], isMainAtWork: boolean): Crew => ({
    ...{ cells, lanes, isMainAtWork, needsTurns: false },
  });
  const shapes: Readonly<Record<string, Crew>> = {
    'messages, main + 1': messages([first], true),
    'messages, main + 2': messages([first, second], true),
    'messages, 1 alone': messages([first], false),
    'messages, 2 alone': messages([first, second], false),
    'shared memory, main + 1': shared([third], true),
    'shared memory, 2 alone': shared([third, fourth], false),
    [`messages, main + 1${DRAWING}`]: { ...messages([drawingOne], true), cells: drawing },
  };
  const inThisThread = (name: string, own: Cells): Way => ({
    name,
    do: (job, items) => alone(job, items, own),
  });
  return {
    ways: [
      inThisThread(LEAN, cells),
      inThisThread(LEAN_DRAWING, drawing),
      ...Object.entries(shapes).map(
        ([name, crew]): Way => ({ name, do: (job, items) => together(job, items, crew) }),
      ),
    ],
    async close() {
      for (const lane of [first, second, drawingOne, third, fourth]) await lane.close();
    },
  };
}

/** Those that differ at this work: what is opened draws no IV. */
export function waysOf({ ways }: Staff, { work }: Job<never, unknown>): readonly Way[] {
  return work === 'open' ? ways.filter(({ name }) => !name.endsWith(DRAWING)) : ways;
}

export function assertSame(found: readonly unknown[], wanted: readonly unknown[]): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error('Not what was encrypted.');
}
