/**
 * A keyring's secret under a hardware module: a `KeyManagement` over `pkcs11-tool`, which comes with OpenSC and speaks to
 * everything that has a PKCS#11 module. Without arguments it says what it wants:
 *
 *     npx tsx examples/pkcs11.ts MODULE TOKEN-LABEL      (the PIN stands in PKCS11_PIN)
 *
 * With SoftHSM2 in place of the hardware, as test/key-management/pkcs11.test.ts does it:
 *
 *     softhsm2-util --init-token --free --label cellseal
 *     pkcs11-tool --module M --token-label cellseal --login --keygen --key-type AES:32 --id 01 --sensitive
 *     pkcs11-tool --module M --token-label cellseal --login --keygen --key-type GENERIC:32 --id 02 --sensitive --usage-sign
 *
 * Two keys stay in the token: AES-CBC with padding encrypts the secret, then HMAC-SHA-256 goes over the context, the IV
 * and the ciphertext; unwrapping compares it, in constant time, before anything is decrypted. AES-GCM with the context as
 * additional data would be one call and one key, but `pkcs11-tool` knows it only since OpenSC 0.26, and many modules do
 * not. RSA-OAEP binds no context by itself, and whoever has the public key could wrap secrets of their own.
 */
import { execFile } from 'node:child_process';
import { timingSafeEqual } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { type KeyManagement, type KeyManagementContext, KeyManagementRefusedError } from 'cellseal';
import { keyManagementCases } from 'cellseal/conformance';

export interface Pkcs11Options {
  /** The path of the module's shared library. */
  readonly module: string;
  /** The token's label. */
  readonly token: string;
  /** The environment variable that holds the user's PIN. `pkcs11-tool` reads it itself: a PIN among its arguments could be seen by every process. */
  readonly pinVariable: string;
  /** CKA_ID of the AES-256 key, in hexadecimal. Default: `01`. */
  readonly encryptionKey?: string;
  /** CKA_ID of the generic secret key of 32 bytes, in hexadecimal. Default: `02`. */
  readonly macKey?: string;
  /** The program. Default: `pkcs11-tool`. */
  readonly program?: string;
}

const FORMAT = 1;
const IV_BYTES = 16;
const SECRET_BYTES = 32;
const CIPHERTEXT_BYTES = SECRET_BYTES + 16; // PKCS#7 adds a block to whole blocks
const MAC_BYTES = 32;

/** format ‖ IV ‖ ciphertext ‖ MAC */
const WRAPPED_BYTES = 1 + IV_BYTES + CIPHERTEXT_BYTES + MAC_BYTES;

export function pkcs11KeyManagement(options: Pkcs11Options): KeyManagement {
  const {
    encryptionKey = '01',
    macKey = '02',
    module,
    pinVariable,
    program = 'pkcs11-tool',
    token,
  } = options;
  const login = ['--module', module, '--token-label', token, '--login', '--pin', `env:${pinVariable}`];
  // One after the other: a smart card has one session, and SoftHSM2 writes its files at every login.
  let last: Promise<unknown> = Promise.resolve();
  const use = (...args: string[]) => ({
    on(input: Uint8Array, bytes: number): Promise<Uint8Array> {
      const result = last.then(() => output(program, [...login, ...args], input, bytes));
      last = result.catch(() => {}); // whoever asked is told; the next one has its own turn
      return result;
    },
  });

  const encrypt = (iv: Uint8Array, secret: Uint8Array) =>
    use('--encrypt', '--mechanism', 'AES-CBC-PAD', '--id', encryptionKey, '--iv', hex(iv)).on(
      secret,
      CIPHERTEXT_BYTES,
    );
  const decrypt = (iv: Uint8Array, ciphertext: Uint8Array) =>
    use('--decrypt', '--mechanism', 'AES-CBC-PAD', '--id', encryptionKey, '--iv', hex(iv)).on(
      ciphertext,
      SECRET_BYTES,
    );
  const mac = (context: KeyManagementContext, encrypted: Uint8Array) =>
    use('--sign', '--mechanism', 'SHA256-HMAC', '--id', macKey).on(
      authenticated(context, encrypted),
      MAC_BYTES,
    );

  return {
    keyName: `pkcs11:token=${encodeURIComponent(token)};id=%${encryptionKey}`, // RFC 7512

    async wrap(secret, context) {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
      const encrypted = joined(Uint8Array.of(FORMAT), iv, await encrypt(iv, secret));
      return joined(encrypted, await mac(context, encrypted));
    },

    async unwrap(wrapped, context) {
      if (wrapped.length !== WRAPPED_BYTES) throw new KeyManagementRefusedError();
      const encrypted = wrapped.slice(0, -MAC_BYTES);
      // Before anything is decrypted: CBC alone would let bits of the secret be turned, and its padding would tell.
      if (!timingSafeEqual(await mac(context, encrypted), wrapped.slice(-MAC_BYTES)))
        throw new KeyManagementRefusedError();
      return decrypt(encrypted.slice(1, 1 + IV_BYTES), encrypted.slice(1 + IV_BYTES));
    },
  };
}

/** What the MAC goes over. Ids have no newline, so no two contexts are spelled alike. */
function authenticated({ keyringId, slotId }: KeyManagementContext, encrypted: Uint8Array): Uint8Array {
  return joined(new TextEncoder().encode(`cellseal/pkcs11\n${keyringId}\n${slotId}\n`), encrypted);
}

/**
 * What the program writes for this input. Both go through pipes: arguments can be seen by every process of the machine,
 * and files stay on a disk. Its errors are told by their last line, and never with its output, which may be the secret.
 */
function output(
  program: string,
  args: readonly string[],
  input: Uint8Array,
  bytes: number,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { encoding: 'buffer', maxBuffer: 4096, timeout: 60_000 },
      (error, out, err) => {
        // A buffer of its own: Node's come out of a pool that others look into.
        const result = new Uint8Array(out);
        out.fill(0);
        if (!error && result.length === bytes) return resolve(result);
        result.fill(0);
        const said = err.toString('utf8').trim().split('\n').at(-1);
        reject(
          new Error(`pkcs11-tool could not do it (${error?.code ?? `${result.length} bytes`}): ${said}`),
        );
      },
    );
    child.stdin?.on('error', () => {}); // a program that has ended reads no more: its code says why
    child.stdin?.end(input);
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [module, token] = process.argv.slice(2);
  if (module === undefined || token === undefined) {
    console.log('usage: PKCS11_PIN=… npx tsx examples/pkcs11.ts MODULE TOKEN-LABEL');
  } else {
    const service = pkcs11KeyManagement({ module, token, pinVariable: 'PKCS11_PIN' });
    const cases = keyManagementCases(() => ({ service }));
    for (const { run } of cases) await run();
    console.log(`${service.keyName} passed ${cases.length} cases`);
  }
}
