// Reading JavaScript and TypeScript as text: what is code, what is comment, what is a string, what is imported.

const REGEX_AFTER = new Set([..."(,=:[!&|?{;+-*%<>~^"]);
const REGEX_AFTER_WORD = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|throw|new|delete|await|yield)$/;

/**
 * Two copies of a source, of the same length and with the same line breaks: `code` with comments blanked out,
 * `bare` with the contents of strings, templates and regular expressions blanked out as well.
 * @param {string} text
 */
export function maskSource(text) {
  const code = text.split("");
  const bare = text.split("");
  const blank = (array, from, to) => {
    for (let i = from; i < to; i++) if (array[i] !== "\n") array[i] = " ";
  };
  /** depth of braces at which each open template goes on */
  const templates = [];
  let depth = 0;
  let i = 0;
  let last = ""; // the last character of code that is not white space
  const template = (start) => {
    let j = start;
    while (j < text.length && text[j] !== "`" && !(text[j] === "$" && text[j + 1] === "{"))
      j += text[j] === "\\" ? 2 : 1;
    blank(bare, start, j);
    if (text[j] === "$") {
      templates.push(depth++);
      last = "{";
      return j + 2;
    }
    last = "`";
    return j + 1;
  };
  while (i < text.length) {
    const c = text[i];
    const two = text.slice(i, i + 2);
    if (two === "//" || two === "/*" || (i === 0 && two === "#!")) {
      const close = two === "/*" ? text.indexOf("*/", i + 2) : text.indexOf("\n", i);
      const end = close < 0 ? text.length : close + (two === "/*" ? 2 : 0);
      blank(code, i, end);
      blank(bare, i, end);
      i = end;
    } else if (c === '"' || c === "'") {
      let j = i + 1;
      while (j < text.length && text[j] !== c && text[j] !== "\n") j += text[j] === "\\" ? 2 : 1;
      blank(bare, i + 1, j);
      i = j + 1;
      last = c;
    } else if (c === "`") {
      i = template(i + 1);
    } else if (c === "/" && (last === "" || REGEX_AFTER.has(last) || afterWord(text, i, last))) {
      i = regex(text, i, (from, to) => blank(bare, from, to));
      last = "/";
    } else {
      if (c === "{") depth++;
      if (c === "}") {
        depth--;
        if (templates.at(-1) === depth) {
          templates.pop();
          i = template(i + 1);
          continue;
        }
      }
      if (!/\s/.test(c)) last = c;
      i++;
    }
  }
  return { code: code.join(""), bare: bare.join("") };
}

function afterWord(text, at, last) {
  return /\w/.test(last) && REGEX_AFTER_WORD.test(text.slice(Math.max(0, at - 20), at).trimEnd());
}

function regex(text, start, blank) {
  let inClass = false;
  let j = start + 1;
  for (; j < text.length && text[j] !== "\n"; j++) {
    if (text[j] === "\\") j++;
    else if (text[j] === "[") inClass = true;
    else if (text[j] === "]") inClass = false;
    else if (text[j] === "/" && !inClass) break;
  }
  blank(start + 1, j);
  return j + 1;
}

/** @param {string} text @param {number} index */
export function lineOf(text, index) {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < index; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/**
 * What a source imports: static, dynamic and type imports, re-exports and require. `specifier` is undefined where it
 * is computed at run time.
 * @param {string} text
 * @returns {{ specifier: string | undefined, line: number }[]}
 */
export function importsOf(text) {
  const { code, bare } = maskSource(text);
  const found = [];
  const pattern = /\b(?:from\s*|import\s*|import\s*\(\s*|require\s*\(\s*)(["'])([^"'\n]*)\1|\bimport\s*\((?!\s*["'])/g;
  for (const match of code.matchAll(pattern)) {
    // Inside a string or template the same words are only words; `a.import(` is a method.
    if (bare[match.index] !== code[match.index] || /[.$\w]/.test(code[match.index - 1] ?? "")) continue;
    found.push({ specifier: match[2], line: lineOf(code, match.index) });
  }
  return found;
}

/**
 * Every place where a pattern stands in code (not in a comment, string, template or regular expression).
 * @param {string} text @param {RegExp} pattern global
 */
export function placesInCode(text, pattern) {
  const { bare } = maskSource(text);
  return [...bare.matchAll(pattern)].map((match) => ({
    line: lineOf(bare, match.index),
    text: match[0],
    index: match.index,
  }));
}
