/** The story as a whole, as a process, on few people. */
import { once } from 'node:events';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { FAULTS } from '../../examples/story/options.js';
import { type Room, makeRoom, runStory, startStory } from './run-story.js';

const rooms: Room[] = [];

function newRoom(): Room {
  const room = makeRoom();
  rooms.push(room);
  return room;
}

afterAll(() => {
  for (const room of rooms) room.remove();
});

describe.concurrent('the story', { timeout: 120_000 }, () => {
  it('is told to its end, loses nothing and leaves nothing behind', async () => {
    const room = newRoom();
    const { code, stdout, stderr } = await runStory(join(room.path, 'run'), ['--records', '400']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^1 {2}400 people$/m);
    expect(stdout).toMatch(/email .* cs1r\./);
    expect(stdout).toContain('AuthenticationError (code "authentication")');
    expect(stdout).toMatch(/SIGKILL after \d+ of \d+ records/);
    expect(stdout).toMatch(/Started again: resumed after \d+ records/);
    expect(stdout).toMatch(/key .{8}… +0 cells {3}suspended/);
    expect(stdout).toMatch(/records +400 went in, \d+ are there now/);
    expect(stdout).toMatch(/rotated +[\d,]+ cells in +[\d.]+ s +[\d,]+ a second/);
    expect(stdout).toMatch(/^ +lost writes: 0$/m);
    expect(code).toBe(0);
    expect(room.names()).toEqual([]);

    const lines = stdout.split('\n');
    expect(lines.filter((line) => line.length > 80 || /\p{Cc}/u.test(line))).toEqual([]);
    expect(lines.length).toBeLessThan(75);
  });

  it('keeps the database, the keyring and the passphrase if it is asked to, and no plaintext', async () => {
    const room = newRoom();
    const file = join(room.path, 'people.csv');
    // UTF-16, big-endian, with its byte order mark.
    const text = `\ufeffid;name;city\n${Array.from({ length: 40 }, (_, i) => `${i};Ψηφίο ${i};Πόλη`).join('\n')}`;
    writeFileSync(file, Buffer.from(text, 'utf16le').swap16());
    const { code, stdout, stderr } = await runStory(join(room.path, 'run'), [
      ...['--csv', file, '--id', 'id', '--encrypt', 'name', '--delimiter', ';', '--keep'],
    ]);
    expect(stderr).toBe('');
    expect(stdout).toContain('Ψηφίο');
    expect(stdout).toMatch(/^ +lost writes: 0$/m);
    expect(code).toBe(0);
    expect(room.names()).toEqual(['people.csv', 'run']);
    const kept = readdirSync(join(room.path, 'run'));
    expect(kept).toEqual(expect.arrayContaining(['keyring', 'passphrase', 'story.db']));
    expect(kept).not.toContain('writes.log');
    if (process.platform !== 'win32') {
      expect(statSync(join(room.path, 'run/passphrase')).mode & 0o777).toBe(0o600);
    }
  });

  it('finds every fault that is planted, and nothing else', async () => {
    const room = newRoom();
    const faults = FAULTS.flatMap((fault) => ['--fault', fault]);
    const { code, stdout } = await runStory(join(room.path, 'run'), ['--records', '400', ...faults]);
    const wrong = [...stdout.matchAll(/WRONG: row \S+: (.*)/g)].map(([, what]) => what);
    expect(wrong.sort()).toEqual(['came back', 'changed', 'changed']);
    expect(stdout).toMatch(/^ +lost writes: 2$/m);
    expect(stdout).toMatch(/^ +rows that are wrong: 3$/m);
    expect(code).toBe(1);
    expect(room.names()).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')(
    'leaves nothing behind when it is interrupted while it encrypts',
    async () => {
      const room = newRoom();
      const { child, said, ended } = startStory(join(room.path, 'run'), ['--records', '20000']);
      await said('2  Encrypted');
      child.kill('SIGINT');
      expect((await ended).code).toBe(130);
      expect(room.names()).toEqual([]);
    },
  );

  it.skipIf(process.platform === 'win32')(
    'leaves no folder and no process behind when it is ended while it rotates',
    async () => {
      const room = newRoom();
      const { child, said, ended } = startStory(join(room.path, 'run'), ['--records', '300', '--keep']);
      let output = '';
      child.stdout?.on('data', (text: string) => {
        output += text;
      });
      await said('6  A rotation');
      child.kill('SIGKILL'); // nobody can clean up: the others must notice by themselves
      await Promise.all([ended, once(child, 'close')]);
      const writer = Number(/process (\d+) changes/.exec(output)?.[1]);
      expect(writer).toBeGreaterThan(0);
      await vi.waitFor(() => expect(isAlive(writer)).toBe(false), { timeout: 10_000 });
    },
  );
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
