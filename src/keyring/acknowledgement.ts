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
/** Two clocks run at slightly different rates. */
const CLOCK_MARGIN = 1.01;

/**
 * Waits until every process that is written down in the store's registry has read this revision of the keyring, or a
 * later one. For the steps of a rotation: a key is made active when all can read it, and suspended when all write with
 * its successor.
 *
 * A process whose beat stands still for longer than its own `maxStaleMs` is passed over: it encrypts nothing until it
 * has read the keyring again. That is measured from when it was first looked at, also by an earlier call here. One without that limit is waited for, until `forgetProcess` strikes it off. A process
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
  opened: OpenedKeyring,
  revision: number,
  { timeoutMs = DEFAULT_ACKNOWLEDGEMENT_MS, signal }: AcknowledgementOptions,
): Promise<void> {
  const { clock } = opened.environment;
  const untilMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const missing = await laggards(opened, revision);
    if (missing.length === 0) return;
    if (clock.monotonicMs() >= untilMs) throw new NotAcknowledgedError(revision, missing.map(nameOf));
    await clock.sleep(LOOK_INTERVAL_MS, signal);
  }
}

/** @internal Who has not read the revision that this process holds, as they call themselves. */
export async function processesBehind(opened: OpenedKeyring): Promise<readonly string[]> {
  return (await laggards(opened, opened.document.revision)).map(nameOf);
}

/** Who must be waited for. What is seen of a process is kept from one look to the next, whoever looks. */
async function laggards(opened: OpenedKeyring, revision: number): Promise<readonly KeyringProcess[]> {
  const { pulses, processIds, environment } = opened;
  const registry = opened.newest.store.processes;
  if (!registry) return [];
  const processes = await readProcesses(registry);
  // After the look, so that no beat is taken for older than it is.
  const nowMs = environment.clock.monotonicMs();
  return processes.filter(({ processId, revision: read, beat, maxStaleMs }) => {
    if (read >= revision || processIds.has(processId)) return false;
    const known = pulses.get(processId);
    // For an older revision it says nothing: the process may have read the keyring since.
    const isSame = known?.beat === beat && known.read === read && known.revision >= revision;
    const pulse = isSame ? known : { beat, read, revision, sinceMs: nowMs };
    pulses.set(processId, pulse);
    return maxStaleMs === undefined || nowMs - pulse.sinceMs <= maxStaleMs * CLOCK_MARGIN;
  });
}

function nameOf({ processId, name, revision }: KeyringProcess): string {
  return `${name || processId} (revision ${revision})`;
}
