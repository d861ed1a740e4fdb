import { cpus } from 'node:os';
import { type RoomReport, isSoundRoom } from './room.js';
import type { Report } from './torture.js';
import { CHUNK_RECORDS } from './world.js';

/** Prints what came of a torture. */
export function print({ options, kills, other, seconds, findings, faults }: Report, server: string): void {
  const { work } = findings;
  const total = Object.values(kills).reduce((sum, n) => sum + n, 0);
  const least = Math.min(...Object.values(kills));
  console.log(`${server}; keyring in ${options.keyringIn ?? 'files'}; seed ${options.seed}`);
  console.log(`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}`);
  console.log(`${total} kills in ${seconds.toFixed(0)} s, at least ${least} at every point\n`);
  list(kills);
  console.log('\nbesides');
  list(other);
  console.log('\nfound');
  list({
    'writes acknowledged': findings.acknowledged,
    'writes without an answer': findings.unanswered,
    'records at the end': findings.records,
    'cells at the end': findings.cells,
    lost: findings.lost.length,
    resurrected: findings.resurrected.length,
    undecryptable: findings.undecryptable.length,
    'cells under old keys': findings.underOldKeys,
    'tokens at the end': findings.tokens,
    'stale tokens': findings.staleTokens,
    'wrong tokens': findings.wrongTokens.length,
    queries: findings.queries,
    'records found by them': findings.answers,
    'candidates left out': findings.leftOut,
    wrong: findings.wrong.length,
    missing: findings.missing.length,
    'records passed over by a sweep': findings.passedOver.length,
    'keys activated': work.activated,
    'of these index keys': work.indexActivated,
    'keys suspended': work.suspended,
    'sweeps finished': work.sweeps,
    'jobs begun': work.jobs,
    'jobs begun again that could be resumed': work.begunAgain,
    'jobs taken over': work.handovers,
    'records looked at': work.scanned,
    'records looked at once more': work.repeated,
    [`most of them after one crash (a chunk: ${CHUNK_RECORDS})`]: work.mostAtOnce,
  });
  console.log(faults.length === 0 ? '\nAll held.' : `\n${faults.length} FAULTS`);
  for (const fault of faults.slice(0, 40)) console.log(`  ${fault}`);
}

function list(counts: Readonly<Record<string, number>>): void {
  for (const [name, n] of Object.entries(counts)) console.log(`  ${String(n).padStart(7)}  ${name}`);
}

/** Prints what came of databases without room. */
export function printRooms(rooms: readonly RoomReport[]): void {
  for (const room of rooms) {
    const { name, stoppedBy, scanned, records, lost, changed, underOldKeys } = room;
    const codes = [...new Set(stoppedBy)].join(', ');
    console.log(
      `\n${name}: stopped ${stoppedBy.length} times by ${codes}; ${scanned} looks at ${records} records, ${lost} lost, ${changed} changed, ${underOldKeys} cells under old keys${isSoundRoom(room) ? '' : ': A FAULT'}`,
    );
  }
}
