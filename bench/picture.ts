/** A bar for each contender: its time over the first floor's, on a logarithmic scale. */
import { NODE_FLOOR } from './names.js';
import { type Report, rounded, unique } from './report.js';

const WIDTH = 860;
const LABELS = 270;
const FIGURES = 60;
const BAR = 11;
const GROUP = 34;
const TOP = 64;
const COLOURS = ['#3b6fb6', '#c9822b'];

/** @param tables - the tables that hold the case `of`: a bar of each in every group */
export function pictureOf({ rows, node, cpu }: Report, tables: readonly string[], of: string): string {
  const own = rows.filter((row) => row.of === of && tables.includes(row.table));
  const valueIn = (table: string, name: string): number =>
    own.find((row) => row.table === table && row.name === name)?.value ?? Number.NaN;
  const groups = unique(own.map(({ name }) => name)).map((name) => ({
    name,
    ratios: tables.map((table) => valueIn(table, name) / valueIn(table, NODE_FLOOR)),
  }));

  // From half a floor to the next power of ten.
  const least = Math.log10(0.5);
  const most = Math.ceil(Math.log10(Math.max(...groups.flatMap(({ ratios }) => ratios))));
  const x = (ratio: number): number =>
    LABELS + ((Math.log10(ratio) - least) / (most - least)) * (WIDTH - LABELS - FIGURES);
  const height = TOP + groups.length * GROUP + 12;

  const marks = Array.from({ length: most + 1 }, (_, i) => 10 ** i).map(
    (mark) =>
      `<path class="mark" d="M${x(mark).toFixed(1)} ${TOP - 8}V${height - 8}"/>` +
      `<text class="axis" x="${x(mark).toFixed(1)}" y="${TOP - 14}">${mark === 1 ? 'floor' : `${mark} ×`}</text>`,
  );
  const bars = groups.flatMap(({ name, ratios }, i) => {
    const y = TOP + i * GROUP;
    const label = `<text class="name" x="${LABELS - 10}" y="${y + 15}">${name}</text>`;
    const drawn = ratios.map((ratio, j) => {
      const [from, to] = [x(0.5), x(Math.max(ratio, 0.5))];
      const top = y + j * (BAR + 1);
      return (
        `<rect fill="${COLOURS[j]}" x="${from.toFixed(1)}" y="${top}" width="${(to - from).toFixed(1)}" height="${BAR}"/>` +
        `<text class="figure" x="${(to + 5).toFixed(1)}" y="${top + BAR - 1}">${rounded(ratio)}</text>`
      );
    });
    return [label, ...drawn];
  });
  const legend = ['encrypting', 'decrypting'].map(
    (name, i) =>
      `<rect fill="${COLOURS[i]}" x="${LABELS + i * 100}" y="14" width="11" height="11"/>` +
      `<text class="legend" x="${LABELS + 16 + i * 100}" y="24">${name}</text>`,
  );
  const title = `One value of ${of}, one after another: times over the floor's. Node ${node}, ${cpu}.`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">`,
    `<title>${title}</title>`,
    '<style>text{font:12px system-ui,sans-serif;fill:#24292f}.name{text-anchor:end}.axis{text-anchor:middle}.figure{font-size:10px}.mark{stroke:#8c959f;stroke-dasharray:2 3}@media (prefers-color-scheme:dark){text{fill:#d0d7de}}</style>',
    `<text x="10" y="24">${of}, Node ${node}</text>`,
    ...legend,
    ...marks,
    ...bars,
    '</svg>',
    '',
  ].join('\n');
}
