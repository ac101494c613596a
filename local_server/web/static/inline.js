// Inline Markdown as elements: bold, emphasis, code and links. Everything else stays text, HTML included.
// agent/ask/inline.py reads the same notation for terminals.

import { el } from "./dom.js";

const SAFE = ["http:", "https:", "mailto:"];
// Bold inside emphasis inside a link's label is three deep; a hostile text may nest for ever.
const DEEPEST = 3;

const CODE = "(?<!`)(?<ticks>`+)(?!`)(?<code>[^]*?[^`])\\k<ticks>(?!`)";
const ESCAPED = "\\\\(?<escaped>[*`\\[\\]|])";
const LINK = "(?<!!)\\[(?<label>(?:\\\\.|[^\\[\\]\\\\])+)\\]\\((?<url>(?:[^\\s()]|\\([^\\s()]*\\))+)\\)";
// `2**8` and `a*b*c` are arithmetic; code inside is never cut.
const BOLD = "(?<![A-Za-z0-9*])\\*\\*(?=\\*?[^\\s*])(?<bold>(?:`[^`]+`|\\\\.|[^`\\\\])+?)(?<=\\S)\\*\\*(?![A-Za-z0-9*])";
const EMPHASIS = "(?<![A-Za-z0-9*])\\*(?=[^\\s*])(?<emphasis>(?:`[^`]+`|\\\\.|\\*\\*[^*]+\\*\\*|[^*`\\\\])+?)(?<=\\S)\\*(?![A-Za-z0-9*])";
const INLINE = new RegExp([ESCAPED, CODE, LINK, BOLD, EMPHASIS].join("|"), "gu");

/** A text of inline Markdown, as elements. */
export function inline(words, depth = 0) {
  const parts = document.createDocumentFragment();
  let at = 0;
  for (const found of depth < DEEPEST ? words.matchAll(INLINE) : []) {
    parts.append(words.slice(at, found.index), partOf(found, depth + 1));
    at = found.index + found[0].length;
  }
  parts.append(words.slice(at));
  parts.normalize();
  return parts;
}

/** The same text without its notation. */
export function plain(words) {
  const parts = inline(words);
  for (const tick of parts.querySelectorAll(".tick")) tick.remove();
  return parts.textContent;
}

function partOf(found, depth) {
  const { escaped, ticks, code, label, url, bold, emphasis } = found.groups;
  if (escaped !== undefined) return escaped;
  if (code !== undefined) return el("code", {}, tick(ticks), code, tick(ticks));
  if (bold !== undefined) return el("strong", {}, inline(bold, depth));
  if (emphasis !== undefined) return el("em", {}, inline(emphasis, depth));
  const href = safeAddress(url);
  return href ? el("a", { href, title: href, target: "_blank", rel: "noopener noreferrer" }, inline(label, depth)) : found[0];
}

// Hidden, but copied with the text.
const tick = (ticks) => el("span", { class: "tick" }, ticks);

function safeAddress(url) {
  try {
    const { href, protocol } = new URL(url);
    return SAFE.includes(protocol) ? href : null;
  } catch {
    return null;
  }
}
