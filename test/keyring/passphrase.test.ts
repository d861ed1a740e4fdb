/** opaque-1.json through src/passphrase, and through a keyring that is made and opened. */
import { describe, expect, it } from 'vitest';
import { hex } from '../../src/bytes.js';
import { InvalidPassphraseError } from '../../src/errors.js';
import { createKeyringIn, openKeyringIn } from '../../src/keyring/index.js';
import { assertNewPassphrase, isNorm, normalisePassphrase } from '../../src/passphrase/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { readDocument, writeDocument } from '../oracle/keyring-document.js';
import { passphraseSlot, spec } from '../oracle/make/documents/shared.js';
import { type PassphraseVectors, readVectors } from '../oracle/vectors.js';
import { ITERATIONS, bytesOf, codeOf, environment, holding } from './support.js';

const { cases } = readVectors<PassphraseVectors>('opaque-1.json');
const opened = cases.filter(({ normalised }) => normalised !== 'refused');
const illFormed = cases.filter(({ normalised }) => normalised === 'refused');
const accepted = cases.filter(({ creation }) => creation === 'accepted');
const refused = cases.filter(({ creation }) => creation === 'refused');

describe('a passphrase of opaque-1.json', () => {
  it.each(opened)('is normalised to these bytes: $name', ({ passphrase, normalised }) => {
    expect(hex(normalisePassphrase('opaque-1', passphrase))).toBe(normalised);
  });

  it.each(illFormed)('is refused when a slot is opened: $name', async ({ passphrase }) => {
    expect(() => normalisePassphrase('opaque-1', passphrase)).toThrow(InvalidPassphraseError);
    const document = writeDocument(spec({ slots: [passphraseSlot('sl_person', 'another')] }));
    const opening = openKeyringIn(environment(), holding(bytesOf(document)), { passphrase });
    await expect(opening).rejects.toBeInstanceOf(InvalidPassphraseError);
  });

  it.each(accepted)('is accepted when a slot is made, and opens it: $name', async ({ passphrase }) => {
    expect(() => assertNewPassphrase(passphrase)).not.toThrow();
    const store = memoryKeyring();
    const made = await createKeyringIn(environment(), store, { passphrase, iterations: ITERATIONS });
    const again = await openKeyringIn(environment(), store, { passphrase });
    expect(again.id).toBe(made.id);
  });

  it.each(refused)(
    'is refused when a slot is made, and nothing is written: $name',
    async ({ passphrase }) => {
      const store = memoryKeyring();
      const making = createKeyringIn(environment(), store, { passphrase, iterations: ITERATIONS });
      await expect(making).rejects.toBeInstanceOf(InvalidPassphraseError);
      expect(await store.read(1024)).toBeUndefined();
    },
  );

  it.each(opened)('opens a slot that was made with it, whatever is refused today: $name', async (vector) => {
    // The oracle asks only what opening asks: an older version may have accepted what is refused now.
    const { passphrase } = vector;
    const document = bytesOf(writeDocument(spec({ slots: [passphraseSlot('sl_person', passphrase)] })));
    expect(readDocument(document, 1, { passphrase }).code).toBe('success');
    expect(await codeOf(openKeyringIn(environment(), holding(document), { passphrase }))).toBe('success');
  });

  it.each(opened)(
    'does not open the slot of a passphrase that is normalised otherwise: $name',
    async (vector) => {
      const document = bytesOf(writeDocument(spec({ slots: [passphraseSlot('sl_person', 'another')] })));
      const opening = openKeyringIn(environment(), holding(document), { passphrase: vector.passphrase });
      expect(await codeOf(opening)).toBe('wrong-secret');
    },
  );
});

describe('the norm of a slot', () => {
  it('is one that this version knows by its own name, not by what every object inherits', () => {
    expect(isNorm('opaque-1')).toBe(true);
    for (const name of ['', 'Opaque-1', 'opaque-2', 'toString', 'constructor', '__proto__']) {
      expect(isNorm(name)).toBe(false);
    }
  });

  it('makes one passphrase of its spellings, and no more', async () => {
    const store = memoryKeyring();
    const passphrase = 'Zoë\u3000Straße';
    await createKeyringIn(environment(), store, { passphrase, iterations: ITERATIONS });
    const opening = (spelled: string) => codeOf(openKeyringIn(environment(), store, { passphrase: spelled }));
    for (const spelled of ['Zoe\u0308 Straße', 'Zoë\u00a0Straße', 'Zoe\u0308\u2003Straße'])
      expect(await opening(spelled)).toBe('success');
    for (const spelled of [
      'Zoë Strasse',
      'zoë Straße',
      'Zoë  Straße',
      'Zoë Straße\n',
      'Zoe Straße',
      'ZoëStraße',
    ])
      expect(await opening(spelled)).toBe('wrong-secret');
  });
});

describe('an error about a passphrase', () => {
  it('does not contain it', async () => {
    for (const passphrase of ['CANARY\u0000', 'CANARY\ud800', `CANARY${'x'.repeat(1024)}`]) {
      const making = createKeyringIn(environment(), memoryKeyring(), { passphrase, iterations: ITERATIONS });
      const error: unknown = await making.catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(InvalidPassphraseError);
      const { message, stack, rule, cause } = error as InvalidPassphraseError;
      expect(`${message} ${stack} ${rule} ${String(cause)}`).not.toContain('CANARY');
    }
  });
});
