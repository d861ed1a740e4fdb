import { NotAcknowledgedError } from '../errors.js';
import { DEFAULT_ACKNOWLEDGEMENT_MS } from '../limits.js';
import type { StopSignal } from '../ports/clock.js';
import { type Keyring, openedOf } from './keyring.js';
import type { OpenedKeyring } from './opened.js';
import { type KeyringProcess, readProcesses } from './processes.js';

/** How long to wait for other processes. */
export interface AcknowledgementOptions {
  /** Milliseconds. Default: 60,000. */
  readonly timeoutMs?: number;
  /** Ends the wait early with its own reason. */
  readonly signal?: StopSignal;
}

/** How often the registry is looked at while waiting: a process reads every few seconds at most. */
const LOOK_INTERVAL_MS = 250;

/**
 * Waits until every process that is written down in the store's registry has read this revision of the keyring, or a
 * later one. For the steps of a rotation: a key is made active when all can read it, and suspended when all write with
 * its successor.
 *
 * A process whose beat stands still for longer than its own `maxStaleMs` is passed over: it encrypts nothing until it
 * has read the keyring again. One without that limit is waited for, until `forgetProcess` strikes it off. A process
 * that does not watch is not written down, and nobody waits for it. Where the store keeps no registry there is nothing
 * to wait for.
 *
 * @throws NotAcknowledgedError when the time is over; its `waitingFor` names who is missing.
 */
export async function awaitAcknowledgement(
  keyring: Keyring,
  revision: number = openedOf(keyring).document.revision,
  options: AcknowledgementOptions = {},
): Promise<void> {
  await acknowledged(openedOf(keyring), revision, options);
}

/** @internal */
export async function acknowledged(
  { store, environment }: OpenedKeyring,
  revision: number,
  { timeoutMs = DEFAULT_ACKNOWLEDGEMENT_MS, signal }: AcknowledgementOptions,
): Promise<void> {
  const registry = store.processes;
  if (!registry) return;
  const { clock } = environment;
  const pulses = new Map<string, Pulse>();
  const untilMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const missing = laggards(await readProcesses(registry), revision, pulses, clock.monotonicMs());
    if (missing.length === 0) return;
    if (clock.monotonicMs() >= untilMs) throw new NotAcknowledgedError(revision, missing.map(nameOf));
    await clock.sleep(LOOK_INTERVAL_MS, signal);
  }
}

interface Pulse {
  readonly beat: number;
  /** When this beat was first seen, by the waiting process's own clock: clocks of two machines are not compared. */
  readonly sinceMs: number;
}

/** `nowMs` is after the look, so that no beat is taken for older than it is. */
function laggards(
  processes: readonly KeyringProcess[],
  revision: number,
  pulses: Map<string, Pulse>,
  nowMs: number,
): readonly KeyringProcess[] {
  return processes.filter(({ processId, revision: read, beat, maxStaleMs }) => {
    if (read >= revision) return false;
    const known = pulses.get(processId);
    const pulse = known?.beat === beat ? known : { beat, sinceMs: nowMs };
    pulses.set(processId, pulse);
    return maxStaleMs === undefined || nowMs - pulse.sinceMs <= maxStaleMs;
  });
}

function nameOf({ processId, name, revision }: KeyringProcess): string {
  return `${name || processId} (revision ${revision})`;
}
