import {
  type Faker,
  fakerAR,
  fakerDE,
  fakerEL,
  fakerEN,
  fakerES,
  fakerHE,
  fakerJA,
  fakerKO,
  fakerRU,
  fakerVI,
  fakerZH_CN,
} from '@faker-js/faker';
import { PEOPLE } from './people.js';
import type { Records, Row } from './records.js';

/** Each person is of one of these. */
const LANGUAGES: readonly (readonly [language: string, faker: Faker])[] = [
  ['Greek', fakerEL],
  ['Chinese', fakerZH_CN],
  ['Arabic', fakerAR],
  ['Russian', fakerRU],
  ['Japanese', fakerJA],
  ['Hebrew', fakerHE],
  ['Korean', fakerKO],
  ['Vietnamese', fakerVI],
  ['German', fakerDE],
  ['Spanish', fakerES],
  ['English', fakerEN],
];

/** One under which the first person has a value for everything. */
const SEED = 3;
/** Ages are counted from here, so that two runs agree. */
const TODAY = new Date('2026-11-23T00:00:00Z');

let made = 0;

/** The same people in every run. */
export function makePeople(count: number): Records {
  seedPeople(SEED);
  return {
    shape: PEOPLE,
    origin: `invented, in ${LANGUAGES.length} languages, the same in every run`,
    rows: Array.from({ length: count }, makePerson),
    nameOf: (index) => `Person ${index + 1}`,
  };
}

/** Decides who comes next: another seed, other people. */
export function seedPeople(seed: number): void {
  made = 0;
  LANGUAGES.forEach(([, faker], place) => {
    faker.seed(seed + place);
  });
}

/** The next person: some values are null, some are empty. */
export function makePerson(): Row {
  const [language, faker] = LANGUAGES[made++ % LANGUAGES.length] as (typeof LANGUAGES)[number];
  return {
    id: faker.string.uuid(),
    plan: faker.helpers.arrayElement(['free', 'pro', 'team']),
    language,
    name: faker.person.fullName(),
    email: seldom(faker, faker.internet.email(), null),
    phone: seldom(faker, faker.phone.number(), ''),
    card: seldom(faker, faker.finance.creditCardNumber(), null),
    born: seldom(faker, faker.date.birthdate({ refDate: TODAY }).toISOString().slice(0, 10), null),
    notes: seldom(
      faker,
      { city: faker.location.city(), likes: faker.word.noun(), visits: visits(faker) },
      null,
    ),
  };
}

function visits(faker: Faker): number {
  return faker.number.int({ max: 300 });
}

/** Nearly always the value; in one case of twelve what stands for none. */
function seldom<Value, None>(faker: Faker, value: Value, none: None): Value | None {
  return faker.number.int({ min: 1, max: 12 }) === 1 ? none : value;
}
