/**
 * The service of `examples/pkcs11.ts` over a real PKCS#11 token: SoftHSM2's, in a folder of this test. On a machine
 * without SoftHSM2 or OpenSC it says which one is missing.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { tsImport } from 'tsx/esm/api';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createKeyring, listSlots, openKeyring } from '../../src/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { keyManagementCases } from '../../src/testing/conformance.js';

type Example = typeof import('../../examples/pkcs11.js');
// By tsx, as it is run: it imports the package by its name, which is the sources here.
const { pkcs11KeyManagement }: Example = await tsImport('../../examples/pkcs11.ts', import.meta.url);

const PIN = 'CELLSEAL_TEST_PIN';
const CONTEXT = { keyringId: 'kr_a', slotId: 'sl_a' };

const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];
const module = MODULES.find((path) => existsSync(path));
const hasTool = !spawnSync('pkcs11-tool', ['-I', '--module', '/nowhere']).error;

if (module === undefined || !hasTool) {
  describe('examples/pkcs11.ts', () => {
    it('is not tried here: it wants SoftHSM2 and OpenSC', () => {
      const missing = [...(module ? [] : ['SoftHSM2']), ...(hasTool ? [] : ['pkcs11-tool (OpenSC)'])];
      console.log(`PKCS#11 was not tested: ${missing.join(' and ')} not installed on this machine.`);
      expect(missing).not.toEqual([]);
      expect(MODULES.some((path) => existsSync(path)) && hasTool).toBe(false);
    });
  });
} else {
  const folder = mkdtempSync(join(tmpdir(), 'cellseal-pkcs11-'));
  const tool = (token: string, ...args: string[]): void => {
    const login = ['--module', module, '--token-label', token];
    execFileSync('pkcs11-tool', [...login, ...args], { stdio: 'pipe' });
  };

  beforeAll(() => {
    const tokens = join(folder, 'tokens');
    mkdirSync(tokens);
    writeFileSync(
      join(folder, 'softhsm2.conf'),
      `directories.tokendir = ${tokens}\nobjectstore.backend = file\n`,
    );
    vi.stubEnv('SOFTHSM2_CONF', join(folder, 'softhsm2.conf'));
    vi.stubEnv(PIN, '271828');
    vi.stubEnv('CELLSEAL_TEST_SO_PIN', '314159');
    const pins = ['--so-pin', process.env['CELLSEAL_TEST_SO_PIN'] ?? '', '--pin', process.env[PIN] ?? ''];
    for (const token of ['first', 'second']) {
      execFileSync('softhsm2-util', ['--init-token', '--free', '--label', token, ...pins], { stdio: 'pipe' });
      const make = ['--login', '--pin', `env:${PIN}`, '--keygen', '--sensitive'];
      tool(token, ...make, '--key-type', 'AES:32', '--id', '01');
      tool(token, ...make, '--key-type', 'GENERIC:32', '--id', '02', '--usage-sign');
    }
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  /** A program that a shell runs. */
  function script(commands: string): string {
    const path = join(folder, `script-${randomUUID()}`);
    writeFileSync(path, `#!/bin/sh\n${commands}\n`, { mode: 0o700 });
    return path;
  }

  const open = (token: string, options: object = {}) =>
    pkcs11KeyManagement({ module, token, pinVariable: PIN, ...options });

  describe('examples/pkcs11.ts, over SoftHSM2', () => {
    const cases = keyManagementCases(() => ({
      service: open('first'),
      another: () => open('first'),
      underAnotherKey: () => open('second'),
    }));
    for (const { name, run } of cases) it(name, run, 120_000);

    it('opens a keyring, and another token does not', async () => {
      const store = memoryKeyring();
      const created = await createKeyring(store, { keyManagement: open('first') });
      const opened = await openKeyring(store, { keyManagement: open('first') });
      expect(opened.id).toBe(created.id);
      expect(listSlots(opened)).toMatchObject([{ type: 'kms', keyName: 'pkcs11:token=first;id=%01' }]);
      const other = openKeyring(store, { keyManagement: open('second') });
      await expect(other).rejects.toMatchObject({ code: 'wrong-secret' });
      const down = openKeyring(store, { keyManagement: open('third') });
      await expect(down).rejects.toThrow('pkcs11-tool could not do it');
    });

    const secret = new Uint8Array(32).fill(0x41); // readable in any output: AAAA…

    it('refuses what was signed under another key of the token, and never decrypts it', async () => {
      const wrapped = new Uint8Array(await open('first').wrap(secret, CONTEXT));
      tool(
        'first',
        '--login',
        '--pin',
        `env:${PIN}`,
        '--keygen',
        '--sensitive',
        '--key-type',
        'GENERIC:32',
        '--id',
        '03',
      );
      // The key to decrypt with is not there: were it asked for, that would be another error.
      const other = open('first', { macKey: '03', encryptionKey: '7f' });
      await expect(other.unwrap(wrapped, CONTEXT)).rejects.toMatchObject({ code: 'kms-refused' });
    });

    const faults: readonly (readonly [what: string, options: object])[] = [
      ['a wrong PIN', { pinVariable: 'CELLSEAL_TEST_SO_PIN' }],
      ['no PIN', { pinVariable: 'CELLSEAL_TEST_NO_PIN' }],
      ['a token that is not there', { token: 'third' }],
      ['a key that is not there', { macKey: '7f' }],
      ['a module that is not there', { module: '/nowhere/module.so' }],
      ['a program that is not there', { program: 'no-pkcs11-tool' }],
      ['a program that gives back its input and fails', { program: script('cat; exit 1') }],
      ['a program that gives back too much', { program: script('cat; head -c 100 /dev/zero') }],
      ['a program that gives too little', { program: script('head -c 16') }],
    ];
    for (const [what, options] of faults) {
      it(`takes ${what} for no refusal, and tells nothing of the secret`, async () => {
        const wrapped = new Uint8Array(await open('first').wrap(secret, CONTEXT));
        const errors = [
          await thrownBy(() => open('first', options).unwrap(wrapped, CONTEXT)),
          await thrownBy(() => open('first', options).wrap(secret, CONTEXT)),
        ];
        for (const error of errors) {
          expect(error).toBeInstanceOf(Error);
          expect(error).not.toMatchObject({ code: 'kms-refused' });
          expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/AAAA|4141|65, 65|271828/);
        }
      });
    }
  });
}

async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}
