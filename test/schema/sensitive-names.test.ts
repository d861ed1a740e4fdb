import { describe, expect, it } from 'vitest';
import { sensitivityOf } from '../../src/sensitive-names.js';
import { ORDINARY, SENSITIVE } from './names.js';

describe('names that say what they hold', () => {
  it('there are enough of them to mean something', () => {
    expect(new Set(ORDINARY).size).toBeGreaterThanOrEqual(200);
    expect(new Set(SENSITIVE.flatMap(({ names }) => names)).size).toBeGreaterThanOrEqual(200);
  });

  it.each(SENSITIVE.map((row) => [row.concept, row] as const))('%s is found', (concept, { names, tier }) => {
    const missed = names.filter((name) => {
      const found = sensitivityOf(name);
      return found?.concept !== concept || found.tier !== tier;
    });
    expect(missed).toEqual([]);
  });

  it('ordinary names are nothing', () => {
    const hits = ORDINARY.flatMap((name) => {
      const found = sensitivityOf(name);
      return found && found.tier !== 'contact' ? [`${name}: ${found.concept}`] : [];
    });
    expect(hits).toEqual([]);
  });

  it('are found in every case', () => {
    const spellings = (words: readonly string[]): string[] => {
      const capital = words.map((word) => word[0]?.toUpperCase() + word.slice(1));
      return [
        words.join('_'),
        words.join('-'),
        words.join(' '),
        words.join('.'),
        words.join(''),
        words.join('').toUpperCase(),
        words.join('_').toUpperCase(),
        capital.join(''),
        (words[0] ?? '') + capital.slice(1).join(''),
        capital.join('_'),
      ];
    };
    const names = [
      ['email', 'password'],
      ['user', 'name'],
      ['incoming', 'password'],
      ['credit', 'card', 'number'],
      ['api', 'key'],
      ['date', 'of', 'birth'],
      ['smtp', 'user', 'name'],
    ];
    const missed = names.flatMap(spellings).filter((name) => !sensitivityOf(name));
    expect(missed).toEqual([]);
  });
});

describe('what Dynamics 365 encrypts by default', () => {
  const attributes = {
    EmailServerProfile: ['IncomingPassword', 'OutgoingPassword', 'IncomingUserName', 'OutgoingUsername'],
    Mailbox: ['Password', 'UserName'],
    Queue: ['EmailPassword', 'EmailUsername'],
    UserSettings: ['EmailPassword', 'EmailUsername'],
  };
  it.each(Object.entries(attributes))('%s', (_, names) => {
    for (const name of names) {
      for (const spelling of [name, name.toLowerCase()]) {
        const wanted = /password/i.test(name)
          ? { concept: 'password', tier: 'secret' }
          : { concept: 'user name', tier: 'identity' };
        expect([spelling, sensitivityOf(spelling)]).toEqual([spelling, wanted]);
      }
    }
  });
});

describe('the kind of a column', () => {
  it('rules out what could not hold such a value', () => {
    expect(sensitivityOf('password', 'choice')).toBeUndefined();
    expect(sensitivityOf('password', 'time')).toBeUndefined();
    expect(sensitivityOf('token', 'number')).toBeUndefined();
    expect(sensitivityOf('user_name', 'number')).toBeUndefined();
  });

  it('rules nothing out that could', () => {
    expect(sensitivityOf('ssn', 'number')?.concept).toBe('national id');
    expect(sensitivityOf('pin', 'number')?.concept).toBe('one-time code');
    expect(sensitivityOf('date_of_birth', 'time')?.concept).toBe('birth');
    expect(sensitivityOf('blood_type', 'choice')?.concept).toBe('health');
    expect(sensitivityOf('session_token', 'other')?.concept).toBe('token');
    expect(sensitivityOf('private_key', 'bytes')?.concept).toBe('key');
  });
});
