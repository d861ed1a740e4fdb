import type { WriteStream } from 'node:tty';
import { about, count, fitText, wrap } from './text.js';

/** What the story is printed on. */
export interface Page {
  /** Begins a section; numbered by itself, but for the last. */
  heading(text: string): void;
  /** A line under it. */
  line(text: string): void;
  /** A text of any length, in as many lines as it takes. */
  paragraph(text: string): void;
  /** Two columns, the first as wide as it must be; the second goes on below itself. */
  list(rows: readonly (readonly [label: string, value: string])[]): void;
  /** A last section without a number. */
  ending(text: string): void;
  /** Progress that stays on the page: a bar in a terminal, a line for each fifth elsewhere. */
  progress(): Gauge;
  /** Progress that is gone when it is over, and shows in a terminal only. */
  passing(what: string): Gauge;
}

/** How far something is. */
export interface Reading {
  readonly done: number;
  readonly expected: number;
  readonly perSecond?: number;
  readonly etaMs?: number | undefined;
}

export interface Gauge {
  show(reading: Reading): void;
  end(): void;
}

const WIDTH = 80;
const INDENT = '   ';
const GAP = '   ';
/** `59 s left`; what is longer than a minute may push the bar. */
const ETA_COLUMNS = 9;
const ERASE_LINE = '\r\u001b[K';

export function openPage(output: WriteStream, environment: NodeJS.ProcessEnv = process.env): Page {
  const isTerminal = output.isTTY && environment['TERM'] !== 'dumb';
  const hasColour = isTerminal && !environment['NO_COLOR'];
  const width = (): number => Math.min(WIDTH, isTerminal ? output.columns || WIDTH : WIDTH);
  const print = (text: string): void => void output.write(`${text}\n`);
  const bold = (text: string): string => (hasColour ? `\u001b[1m${text}\u001b[22m` : text);
  let sections = 0;

  const page: Page = {
    heading(text) {
      if (sections > 0) print('');
      sections++;
      print(bold(`${sections}  ${text}`));
    },
    ending: (text) => print(`\n${bold(text)}`),
    line: (text) => print(INDENT + text),
    paragraph(text) {
      for (const line of wrap(text, width() - INDENT.length)) page.line(line);
    },
    list(rows) {
      const column = Math.max(...rows.map(([label]) => label.length));
      for (const [label, value] of rows) {
        const [first, ...more] = wrap(value, width() - INDENT.length - column - GAP.length);
        page.line(fitText(label, column) + GAP + first);
        for (const line of more) page.line(' '.repeat(column) + GAP + line);
      }
    },
    progress: () => (isTerminal ? bar('', false) : fifths()),
    passing: (what) => (isTerminal ? bar(what, true) : { show() {}, end() {} }),
  };

  function bar(what: string, vanishes: boolean): Gauge {
    return {
      show(reading) {
        const label = what === '' ? '' : `${what}  `;
        const figures = `  ${describe(reading)}`;
        const room = Math.max(width() - INDENT.length - label.length - figures.length - 1, 4);
        const full = Math.round(share(reading) * room);
        output.write(`${ERASE_LINE}${INDENT}${label}${'█'.repeat(full)}${'░'.repeat(room - full)}${figures}`);
      },
      end: () => void output.write(vanishes ? ERASE_LINE : '\n'),
    };
  }

  function fifths(): Gauge {
    let shown = -1;
    return {
      show(reading) {
        const fifth = Math.floor(share(reading) * 5);
        // What is there at the first reading was not reached under our eyes, unless it is all.
        if (shown < 0 && fifth < 5) shown = fifth;
        if (fifth > shown) page.line(describe(reading).trimEnd());
        shown = fifth;
      },
      end() {},
    };
  }

  return page;
}

function describe(reading: Reading): string {
  const { done, expected, perSecond, etaMs } = reading;
  const digits = count(expected).length;
  return [
    `${String(Math.floor(share(reading) * 100)).padStart(3)} %`,
    `${count(done).padStart(digits)} of ${count(expected)}`,
    ...(perSecond ? [`${count(perSecond).padStart(6)}/s`] : []),
    ...('etaMs' in reading ? [(etaMs ? `${about(etaMs)} left` : '').padStart(ETA_COLUMNS)] : []),
  ].join('   ');
}

function share({ done, expected }: Reading): number {
  return expected === 0 ? 1 : done / expected;
}
