/** What a Markdown document holds that can be checked: its fenced blocks, its links, its headings. */

/** A document, or a source file with doc comments. */
export interface Document {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block. */
export interface Block {
  readonly path: string;
  /** The line of its opening fence; the code begins on the next. */
  readonly line: number;
  /** What stands after the fence: `ts`. */
  readonly language: string;
  /** What stands after the language: `no-run`. */
  readonly words: readonly string[];
  readonly code: string;
  /** From `<!-- prelude: NAME -->` above the block. */
  readonly prelude: string | undefined;
  /** From `<!-- continues -->` above the block: it goes on where the block before it, of its language, ended. */
  readonly continues: boolean;
}

/** A link to somewhere in the repository. */
export interface Link {
  readonly line: number;
  readonly target: string;
}

const FENCE = /^(?<margin>\s*)(?<fence>`{3,}|~{3,})\s*(?<info>[^`]*)$/;
const COMMENT = /<!--\s*(.*?)\s*-->/g;

/** The fenced blocks of a Markdown text; of a source file those of its doc comments. */
export function blocksOf({ path, text }: Document): Block[] {
  const lines = path.endsWith('.md') ? text.split('\n') : docCommentLines(text);
  const blocks: Block[] = [];
  let remarks: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const { fence, info, margin } = FENCE.exec(line)?.groups ?? {};
    if (fence === undefined || margin === undefined || info === undefined) {
      const found = [...line.matchAll(COMMENT)].map(([, remark]) => remark as string);
      if (found.length > 0) remarks = [...remarks, ...found];
      else if (line.trim() !== '') remarks = [];
      continue;
    }
    const start = i;
    const code: string[] = [];
    for (i++; i < lines.length && !isEnd(lines[i] as string, fence); i++) {
      const inside = lines[i] as string;
      code.push(inside.startsWith(margin) ? inside.slice(margin.length) : inside.trimStart());
    }
    const [language = '', ...words] = info.trim().split(/\s+/);
    const prelude = remarks
      .find((remark) => remark.startsWith('prelude:'))
      ?.slice('prelude:'.length)
      .trim();
    const continues = remarks.includes('continues');
    blocks.push({ path, line: start + 1, language, words, code: code.join('\n'), prelude, continues });
    remarks = [];
  }
  return blocks;
}

/** Every link and image of a Markdown text but those with a scheme, and those in code. */
export function linksOf(text: string): Link[] {
  return withoutCode(text).flatMap((line, i) => {
    const inline = [...line.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+["'][^)]*)?\)/g)];
    const defined = [...line.matchAll(/^\s*\[[^\]]+\]:\s*<?([^\s>]+)/g)];
    const html = [...line.matchAll(/\b(?:href|src)="([^"]+)"/g)];
    return [...inline, ...defined, ...html]
      .map(([, target]) => target as string)
      .filter((target) => !/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target))
      .map((target) => ({ line: i + 1, target }));
  });
}

/** The anchors of a Markdown text, as repository hosts make them of its headings. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const line of withoutCode(text, { spans: 'keep' })) {
    for (const [, id] of line.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(id as string);
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const slug = slugOf(heading);
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** What stands between backticks in running text, with its line. */
export function codeSpansOf(text: string): { line: number; code: string }[] {
  return withoutCode(text, { spans: 'keep' }).flatMap((line, i) =>
    [...line.matchAll(/(`+)(.+?)\1/g)].map(([, , code]) => ({ line: i + 1, code: (code as string).trim() })),
  );
}

/** Of a doc comment's `@example` without a fenced block, the line. */
export function bareExamplesOf({ text }: Document): number[] {
  const lines = docCommentLines(text);
  return lines.flatMap((line, i) => {
    if (!line.startsWith('@example')) return [];
    const rest = lines.slice(i + 1);
    const end = rest.findIndex((later) => /^@\w/.test(later) || later === NOT_DOC);
    const body = end === -1 ? rest : rest.slice(0, end);
    return body.some((later) => FENCE.test(later)) ? [] : [i + 1];
  });
}

/** Between two doc comments; no fence, and no blank line either. */
const NOT_DOC = '\0';

/** As many lines as the text has: those of doc comments without their margin, and nothing for the others. */
function docCommentLines(text: string): string[] {
  let inside = false;
  return text.split('\n').map((line) => {
    const opens = !inside && /^\s*\/\*\*/.test(line);
    if (!inside && !opens) return NOT_DOC;
    const closes = line.includes('*/');
    inside = !closes;
    return line
      .replace(/^\s*\/\*\*+ ?/, '')
      .replace(/\s*\*\/.*$/, '')
      .replace(/^\s*\* ?/, '');
  });
}

function isEnd(line: string, fence: string): boolean {
  const trimmed = line.trim();
  return trimmed.length >= fence.length && trimmed === (fence[0] as string).repeat(trimmed.length);
}

/** The lines, with nothing in place of fenced blocks, comments and, unless they are kept, code spans. */
function withoutCode(text: string, { spans = 'drop' }: { spans?: 'drop' | 'keep' } = {}): string[] {
  let fence: string | undefined;
  return text.split('\n').map((line) => {
    if (fence !== undefined) {
      if (isEnd(line, fence)) fence = undefined;
      return '';
    }
    fence = FENCE.exec(line)?.groups?.['fence'];
    if (fence !== undefined) return '';
    const shown = line.replace(COMMENT, '');
    return spans === 'keep' ? shown : shown.replace(/(`+).*?\1/g, '');
  });
}

function slugOf(heading: string): string {
  return heading
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');
}
