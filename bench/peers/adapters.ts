/**
 * What cellseal is measured beside: each peer as its documentation shows it, with one key from 32 bytes, prepared once.
 * What a peer can bind a value to is bound to the value's place; a peer that gives bytes is stored as base64url.
 *
 * The packages are this folder's own. Their types are not asked for: the project is checked without them.
 */
import { readFileSync } from 'node:fs';

type MaybePromise<T> = T | Promise<T>;

export interface Peer {
  readonly name: string;
  encrypt(value: string, place: string): MaybePromise<string>;
  decrypt(stored: string, place: string): MaybePromise<string>;
}

type Adapter = (key: Uint8Array<ArrayBuffer>) => Promise<Pick<Peer, 'encrypt' | 'decrypt'>>;

const ADAPTERS: Readonly<Record<string, Adapter>> = {
  '@47ng/cloak': async (key) => {
    const cloak = await load<Cloak>('@47ng/cloak');
    const parsed = cloak.parseKeySync(`k1.aesgcm256.${base64url(key)}=`);
    return {
      encrypt: (value) => cloak.encryptStringSync(value, parsed),
      decrypt: (stored) => cloak.decryptStringSync(stored, parsed),
    };
  },

  'typeorm-encrypted': async (key) => {
    const { EncryptionTransformer } = await load<TypeormEncrypted>('typeorm-encrypted');
    const transformer = new EncryptionTransformer({
      key: Buffer.from(key).toString('hex'),
      algorithm: 'aes-256-gcm',
      ivLength: 12,
      authTagLength: 16,
    });
    return { encrypt: (value) => transformer.to(value), decrypt: (stored) => transformer.from(stored) };
  },

  jose: async (key) => {
    const { CompactEncrypt, compactDecrypt } = await load<Jose>('jose');
    const imported = await globalThis.crypto.subtle.importKey('raw', key, 'AES-GCM', false, [
      'encrypt',
      'decrypt',
    ]);
    const header = { alg: 'dir', enc: 'A256GCM' };
    return {
      encrypt: (value) => new CompactEncrypt(Buffer.from(value)).setProtectedHeader(header).encrypt(imported),
      decrypt: async (stored) => Buffer.from((await compactDecrypt(stored, imported)).plaintext).toString(),
    };
  },

  'iron-webcrypto': async (key) => {
    const iron = await load<Iron>('iron-webcrypto');
    return {
      encrypt: (value) => iron.seal(value, key, iron.defaults),
      decrypt: (stored) => iron.unseal(stored, key, iron.defaults),
    };
  },

  '@noble/ciphers': async (key) => {
    const { gcm } = await load<NobleAes>('@noble/ciphers/aes.js');
    const sealed = (await load<NobleUtils>('@noble/ciphers/utils.js')).managedNonce(gcm);
    return {
      encrypt: (value, place) => base64url(sealed(key, Buffer.from(place)).encrypt(Buffer.from(value))),
      decrypt: (stored, place) =>
        Buffer.from(sealed(key, Buffer.from(place)).decrypt(Buffer.from(stored, 'base64url'))).toString(),
    };
  },

  '@aws-crypto/client-node': async (key) => {
    const aws = await load<Aws>('@aws-crypto/client-node');
    return awsAdapter(aws, awsKeyring(aws, key), (place) => ({ place }));
  },

  // Its cache holds one key for each context: a context for each record would find none.
  '@aws-crypto/client-node, cached': async (key) => {
    const aws = await load<Aws>('@aws-crypto/client-node');
    const materials = new aws.NodeCachingMaterialsManager({
      backingMaterials: awsKeyring(aws, key),
      cache: aws.getLocalCryptographicMaterialsCache(1_000),
      maxAge: 3_600_000,
    });
    return awsAdapter(aws, materials, () => ({ place: 'people/email' }));
  },
};

/** All of them, each with its version in its name. */
export async function loadPeers(key: Uint8Array<ArrayBuffer>): Promise<Peer[]> {
  const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
  return Promise.all(
    Object.entries(ADAPTERS).map(async ([name, adapter]) => {
      const [packageName = '', ...rest] = name.split(', ');
      const versioned = `${packageName} ${manifest.dependencies[packageName]}`;
      return { name: [versioned, ...rest].join(', '), ...(await adapter(key)) };
    }),
  );
}

function awsKeyring(aws: Aws, key: Uint8Array): object {
  return new aws.RawAesKeyringNode({
    keyName: 'bench',
    keyNamespace: 'cellseal',
    unencryptedMasterKey: Uint8Array.from(key),
    wrappingSuite: aws.RawAesWrappingSuiteIdentifier['AES256_GCM_IV12_TAG16_NO_PADDING'],
  });
}

/** Without signatures, which its documentation advises where who encrypts and who decrypts are trusted alike. */
function awsAdapter(
  aws: Aws,
  materials: object,
  contextOf: (place: string) => Readonly<Record<string, string>>,
): Awaited<ReturnType<Adapter>> {
  const { encrypt, decrypt } = aws.buildClient(aws.CommitmentPolicy['REQUIRE_ENCRYPT_REQUIRE_DECRYPT']);
  const suiteId = aws.AlgorithmSuiteIdentifier['ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY'];
  return {
    encrypt: async (value, place) => {
      const { result } = await encrypt(materials, value, { suiteId, encryptionContext: contextOf(place) });
      return base64url(result);
    },
    decrypt: async (stored, place) => {
      const { plaintext, messageHeader } = await decrypt(materials, Buffer.from(stored, 'base64url'));
      if (messageHeader.encryptionContext['place'] !== contextOf(place)['place'])
        throw new Error('the value is of another place');
      return Buffer.from(plaintext).toString();
    },
  };
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

/** A name in a variable is looked for at run time only. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

interface Cloak {
  parseKeySync(key: string): object;
  encryptStringSync(value: string, key: object): string;
  decryptStringSync(stored: string, key: object): string;
}

interface TypeormEncrypted {
  readonly EncryptionTransformer: new (
    options: object,
  ) => { to(value: string): string; from(stored: string): string };
}

interface Jose {
  readonly CompactEncrypt: new (
    plaintext: Uint8Array,
  ) => { setProtectedHeader(header: object): { encrypt(key: object): Promise<string> } };
  compactDecrypt(stored: string, key: object): Promise<{ readonly plaintext: Uint8Array }>;
}

interface Iron {
  readonly defaults: object;
  seal(value: string, key: Uint8Array, options: object): Promise<string>;
  unseal(stored: string, key: Uint8Array, options: object): Promise<string>;
}

type Cipher = (
  key: Uint8Array,
  ...rest: Uint8Array[]
) => {
  encrypt(bytes: Uint8Array): Uint8Array;
  decrypt(bytes: Uint8Array): Uint8Array;
};

interface NobleAes {
  readonly gcm: Cipher;
}

interface NobleUtils {
  managedNonce(cipher: Cipher): Cipher;
}

interface Aws {
  readonly CommitmentPolicy: Readonly<Record<string, unknown>>;
  readonly AlgorithmSuiteIdentifier: Readonly<Record<string, unknown>>;
  readonly RawAesWrappingSuiteIdentifier: Readonly<Record<string, unknown>>;
  readonly RawAesKeyringNode: new (options: object) => object;
  readonly NodeCachingMaterialsManager: new (options: object) => object;
  getLocalCryptographicMaterialsCache(capacity: number): object;
  buildClient(policy: unknown): {
    encrypt(materials: object, value: string, options: object): Promise<{ readonly result: Uint8Array }>;
    decrypt(
      materials: object,
      stored: Uint8Array,
    ): Promise<{
      readonly plaintext: Uint8Array;
      readonly messageHeader: { readonly encryptionContext: Readonly<Record<string, string>> };
    }>;
  };
}
