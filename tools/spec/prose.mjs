// Reading a specification document: its sections, its sentences, their keywords and anchors.

/**
 * @typedef {object} Unit one sentence, or one row of a table
 * @property {string} document file name under specs
 * @property {number} line
 * @property {string} section number or title of the nearest heading
 * @property {string} raw as written, without anchors
 * @property {string} text without markdown
 * @property {string[]} keywords of BCP 14, in the five levels, as they stand in the sentence
 * @property {boolean} must whether one of them obliges
 * @property {string | undefined} slug
 */

const ANCHOR = /\{#([a-z0-9][a-z0-9-]*:[a-z0-9][a-z0-9-]*)\}/;
const KEYWORD =
  /\b(?:MUST NOT|MUST|SHALL NOT|SHALL|REQUIRED|SHOULD NOT|SHOULD|NOT RECOMMENDED|RECOMMENDED|MAY|OPTIONAL)\b/g;
const LEVEL = {
  REQUIRED: "MUST",
  SHALL: "MUST",
  "SHALL NOT": "MUST NOT",
  RECOMMENDED: "SHOULD",
  "NOT RECOMMENDED": "SHOULD NOT",
  OPTIONAL: "MAY",
};
const ABBREVIATION = /(?:\b(?:e\.g|i\.e|cf|vs|etc|resp|approx|Sec|No)|(?:^|[\s(])[A-Z])\.$/;
/** Stands for the characters of inline code, which hold no keyword, no anchor and no end of a sentence. */
const HIDDEN = "\u2588";

const CODE = /(`+)(?!`)([\s\S]*?)(?<!`)\1(?!`)/g;

/** What a reader sees: no anchors, no markdown, single spaces; inline code as it is. @param {string} text */
export function plain(text) {
  const codes = [];
  const stash = (_all, _ticks, code) => `${HIDDEN}${codes.push(code) - 1}${HIDDEN}`;
  return text
    .replace(CODE, stash)
    .replace(/\{#[^}]*\}/g, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\*|(?<![A-Za-z0-9\\])_|(?<!\\)_(?![A-Za-z0-9])/g, (mark, at, whole) =>
      whole[at - 1] === "\\" ? mark : "",
    )
    .replace(/\\([\\`*_{}[\]()#+.!|<>~-])/g, "$1")
    .replace(new RegExp(`${HIDDEN}(\\d+)${HIDDEN}`, "g"), (_, index) => codes[Number(index)])
    .replace(/\s+/g, " ")
    .trim();
}

/** Whether a stored text says what the prose says: markdown, anchors and white space aside. */
export function sameText(prose, stored) {
  const bare = (text) => text.replace(/[\s`*_\\]+/g, "");
  const said = bare(plain(prose));
  // The stored text is plain already; what looks like markdown in it came out of inline code.
  return said === bare(stored) || said === bare(plain(stored));
}

const hideCode = (text) => text.replace(CODE, (code) => HIDDEN.repeat(code.length));

/**
 * @param {string} document file name, e.g. "envelope.md"
 * @param {string} text
 * @returns {{ units: Unit[], problems: string[] }}
 */
export function readProse(document, text) {
  /** @type {Unit[]} */
  const units = [];
  const problems = [];
  for (const block of blocksOf(text)) {
    if (isBoilerplate(document, block.text)) continue;
    for (const { raw, offset } of block.row ? rowsOf(block.text) : sentencesOf(block.text)) {
      const line = block.line + block.text.slice(0, offset).split("\n").length - 1;
      const masked = hideCode(raw);
      const anchors = masked.match(/\{#[^}]*\}/g) ?? [];
      const at = `specs/${document}:${line}`;
      for (const anchor of anchors) {
        if (!new RegExp(`^${ANCHOR.source}$`).test(anchor))
          problems.push(`${at} ${anchor} is no anchor of the form {#group:slug-name}`);
      }
      if (anchors.length > 1) problems.push(`${at} one sentence has ${anchors.length} anchors`);
      const found = (masked.replace(/\{#[^}]*\}/g, "").match(KEYWORD) ?? []).map((word) => LEVEL[word] ?? word);
      units.push({
        document,
        line,
        section: block.section,
        raw: raw.replace(/\{#[^}]*\}/g, "").trim(),
        text: plain(raw),
        keywords: [...new Set(found)],
        must: found.some((word) => word.startsWith("MUST")),
        slug: ANCHOR.exec(masked)?.[1],
      });
    }
  }
  return { units, problems };
}

/** The paragraph of BCP 14 that explains the keywords uses them without obliging anybody. */
function isBoilerplate(document, text) {
  return (
    document === "conventions.md" && /BCP ?14/.test(text) && /RFC ?2119/.test(text) && /NOT RECOMMENDED/.test(text)
  );
}

/** Paragraphs, list items and table rows with their section; no code fences, no comments. */
function blocksOf(text) {
  const blocks = [];
  let section = "";
  let fence = "";
  /** @type {{ text: string, line: number, section: string, row: boolean } | undefined} */
  let open;
  const close = () => {
    if (open?.text.trim()) blocks.push(open);
    open = undefined;
  };
  const source = text.replace(/<!--[\s\S]*?-->/g, (comment) => comment.replace(/[^\n]/g, " "));
  for (const [index, whole] of source.split("\n").entries()) {
    const line = index + 1;
    const content = whole.replace(/^(?:\s*>)+ ?/, "");
    const mark = /^\s*(?:[-*+]\s+|\d+[.)]\s+)?(`{3,}|~{3,})/.exec(content)?.[1];
    if (fence) {
      if (mark?.startsWith(fence) && /^\s*[`~]+\s*$/.test(content)) fence = "";
      continue;
    }
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(content);
    if (mark || heading || !content.trim()) close();
    if (mark) {
      fence = mark;
    } else if (heading) {
      const title = plain(heading[1]);
      section = /^((?:[A-Z]\.)?\d+(?:\.\d+)*|[A-Z](?:\.\d+)+)\.?\s/.exec(title)?.[1] ?? title;
      if (/\{#/.test(hideCode(heading[1]))) blocks.push({ text: heading[1], line, section, row: false });
    } else if (/^\s*\|/.test(content)) {
      close();
      if (!/^[\s|:-]+$/.test(content)) blocks.push({ text: content, line, section, row: true });
    } else if (content.trim()) {
      const item = /^\s*(?:[-*+]|\d+[.)])\s+/.exec(content);
      if (item) close();
      const body = item ? content.slice(item[0].length) : content.trim();
      if (open) open.text += `\n${body}`;
      else open = { text: body, line, section, row: false };
    }
  }
  close();
  return blocks;
}

/** A row is one unit; where several of its cells have anchors, each such cell is one. */
function rowsOf(text) {
  const masked = hideCode(text).replace(/\\\|/g, HIDDEN.repeat(2));
  const cells = [];
  let start = 0;
  for (let i = 0; i <= masked.length; i++) {
    if (i < masked.length && masked[i] !== "|") continue;
    if (text.slice(start, i).trim()) cells.push({ raw: text.slice(start, i).trim(), offset: start });
    start = i + 1;
  }
  const anchored = cells.filter(({ raw }) => hideCode(raw).includes("{#"));
  if (anchored.length > 1) return cells;
  return [{ raw: cells.map(({ raw }) => raw).join(" | "), offset: 0 }];
}

/** Sentences end with . ! ? before white space and a capital, or with an anchor. */
function sentencesOf(text) {
  const masked = hideCode(text);
  const found = [];
  let start = 0;
  const cut = (end) => {
    if (text.slice(start, end).trim()) {
      const lead = /^\s*/.exec(text.slice(start, end))[0].length;
      found.push({ raw: text.slice(start, end).trim(), offset: start + lead });
    }
    start = end;
  };
  const end = /\{#[^}]*\}[.;]?|[.!?]["')*_\]”’]*(?=\s)/g;
  for (const match of masked.matchAll(end)) {
    const after = match.index + match[0].length;
    const rest = masked.slice(after).trimStart();
    if (match[0].startsWith("{#")) cut(after);
    else if (rest.startsWith("{#") || !/^["'(*_[“‘]*[A-Z\u2588]/.test(rest)) continue;
    else if (!ABBREVIATION.test(masked.slice(0, match.index + 1))) cut(after);
  }
  cut(text.length);
  return found;
}
