// The blocks of an answer as elements: paragraphs, nested lists, tables, code and headings, each with its chips.

import { cutter, el } from "./dom.js";
import { inline, plain } from "./inline.js";
import { number, pageLanguage, text } from "./texts.js";

const LIST = { item: "ul", step: "ol" };
const TABLE = ["header", "row"];
const MARKERS = { item: /^\s*[-*+] /, step: /^\s*(?<number>\d+)[.)] /, heading: /^#+ / };
// A chip stays on the line of the word before it, unless that is longer than a line may be.
const LONGEST_WORD = 16;

/**
 * The answer's Markdown, as elements.
 * @param {object} answer as docs/api.md describes it.
 * @param {(citation: object) => Element} chipOf makes the chip of a citation.
 */
export function blocksOf(answer, chipOf) {
  const layout = new Layout(el("div", { class: "words", lang: answer.language }));
  for (const { block, gap, next } of placed(answer)) {
    const chips = block.citations.map((id) => chipOf(answer.citations.find((one) => one.id === id)));
    const uncited = !chips.length && answer.citations.length > 0 && !statesNothing(block, next);
    layout.add(block, gap, { chips, badge: uncited ? badge() : null, title: titleOf(block) });
  }
  return layout.root;
}

/** What a screen reader says of an answer: its words and numbers, without the notation. */
export function spokenOf(answer) {
  const lines = placed(answer).map(({ block, gap }) => {
    const words = TABLE.includes(block.kind) ? cellsOf(block.text).map(plain).join(", ") : block.kind === "code" ? block.text : plain(block.text);
    const numbers = block.citations.map((id) => `[${id}]`).join("");
    return `${gap.number ? `${gap.number}. ` : ""}${gap.lead}${words}${numbers && ` ${numbers}`}`.trim();
  });
  return lines.join("\n");
}

/** Each block with what stands before it in the Markdown and the block behind it. */
function placed({ answer, blocks }) {
  const between = cutter(answer);
  return blocks.map((block, place) => {
    const gap = gapOf(between(blocks[place - 1]?.end ?? 0, block.start), block.kind);
    return { block, gap, next: blocks[place + 1] ?? null };
  });
}

/**
 * What the Markdown between two blocks says: whether they are on one line, or a blank line apart; the number of a step;
 * words that lead the block in. The citation numbers of the block before are chips already.
 */
function gapOf(words, kind) {
  const lines = words.replace(/ ?\[\d+\]/g, "").split("\n");
  const last = lines.at(-1);
  const marker = last.match(MARKERS[kind] ?? /^/);
  return {
    joined: lines.length === 1,
    apart: /\n\s*\n/.test(words),
    number: marker?.groups?.number ?? null,
    lead: TABLE.includes(kind) || kind === "code" ? "" : last.slice(marker?.[0].length ?? 0),
  };
}

/** Whether an uncited block needs no source: a heading, or words that introduce the blocks below. */
function statesNothing(block, next) {
  if (block.kind === "heading" || block.kind === "header") return true;
  if (block.support !== null || !next) return false;
  const above = block.kind === "paragraph" ? next.kind !== "paragraph" : next.kind in LIST && next.depth > block.depth;
  return above || /[:：]$/u.test(block.text.trimEnd());
}

function titleOf({ citations, support }) {
  return citations.length && support !== null ? text("supported", number(support * 100)) : null;
}

function badge() {
  return el("em", { class: "badge", lang: pageLanguage(), title: text("unsupportedTitle") }, text("unsupported"));
}

/** The cells of a table row, `| a | b`; a bar inside a cell is written `\|`. */
export function cellsOf(row) {
  const cells = row.trim().split(/(?<!\\)\|/);
  if (cells[0] === "") cells.shift();
  if (cells.length > 1 && cells.at(-1).trim() === "") cells.pop();
  return cells.map((cell) => cell.trim());
}

/** Puts block after block into `root`. */
class Layout {
  #paragraph = null;
  // The open lists, outermost first.
  #lists = [];
  #table = null;

  constructor(root) {
    this.root = root;
  }

  add(block, gap, marks) {
    const isList = block.kind in LIST;
    const isTable = TABLE.includes(block.kind);
    if (!gap.joined) this.#paragraph = null;
    if (!isList || gap.apart) this.#lists = [];
    if (!isTable || gap.apart || block.kind === "header") this.#table = null;
    if (isList) this.#item(block, gap, marks);
    else if (isTable) this.#row(block, marks);
    else if (block.kind === "code") this.#code(block, marks);
    else if (block.kind === "heading") this.root.append(el("h3", { dir: "auto" }, gap.lead, partOf(block, marks)));
    else this.#words(block, gap, marks);
  }

  #words(block, gap, marks) {
    if (!this.#paragraph) {
      this.#paragraph = el("p", { dir: "auto" });
      this.root.append(this.#paragraph);
    }
    this.#paragraph.append(gap.lead, partOf(block, marks));
  }

  #item(block, gap, marks) {
    const depth = Math.min(block.depth, this.#lists.length);
    this.#lists.length = Math.min(this.#lists.length, depth + 1);
    if (this.#lists[depth]?.localName !== LIST[block.kind]) {
      const list = el(LIST[block.kind], { dir: depth ? null : "auto" });
      (depth ? this.#lists[depth - 1].lastElementChild : this.root).append(list);
      this.#lists[depth] = list;
    }
    this.#lists[depth].append(el("li", { value: gap.number }, gap.lead, partOf(block, marks)));
  }

  #row(block, marks) {
    const cells = cellsOf(block.text);
    if (!this.#table) {
      this.#table = el("table", { dir: "auto" });
      // It scrolls sideways, also with the keyboard.
      this.root.append(el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": text("table") }, this.#table));
    }
    const isHeader = block.kind === "header";
    const row = el("tr", { title: marks.title });
    const width = Math.max(cells.length, this.#table.rows[0]?.cells.length ?? 0);
    for (let place = 0; place < width; place++) {
      const words = cells[place] ?? "";
      const shown = place === width - 1 ? withMarks(words, marks) : [inline(words)];
      // A header of no words names nothing.
      row.append(isHeader && words ? el("th", { scope: "col" }, ...shown) : el("td", {}, ...shown));
    }
    if (marks.badge) row.classList.add("unsupported");
    const group = isHeader ? "thead" : "tbody";
    if (this.#table.lastElementChild?.localName !== group) this.#table.append(el(group));
    this.#table.lastElementChild.append(row);
  }

  #code(block, marks) {
    const code = el("pre", { class: "code", dir: "ltr", tabindex: 0, role: "group", "aria-label": text("codeBlock"), title: marks.title }, block.text);
    this.root.append(code);
    const below = [...marks.chips, marks.badge].filter(Boolean);
    if (below.length) this.root.append(el("p", { class: "below" }, ...below));
  }
}

function partOf(block, marks) {
  return el("span", { class: marks.badge ? "part unsupported" : "part", title: marks.title }, ...withMarks(block.text, marks));
}

/** Inline Markdown, the chips behind it, and the badge of a block that needs a source and has none. */
function withMarks(text, { chips, badge }) {
  const words = inline(text);
  const kept = keptOf(words);
  // Of many chips only the first stays with the word: all of them may be wider than a phone.
  const together = el("span", { class: "together" }, kept, ...chips.slice(0, 1));
  return [words, together, ...chips.slice(1), ...(badge ? [" ", badge] : [])];
}

/** Takes the last word out of `words`, with its bold or code, unless it is long. */
function keptOf(words) {
  const last = words.lastChild;
  if (!last) return null;
  if (last.nodeType !== Node.TEXT_NODE) return last.textContent.length <= LONGEST_WORD ? last : null;
  const word = last.data.match(/\S+$/)?.[0] ?? "";
  if (word.length > LONGEST_WORD) return null;
  last.data = last.data.slice(0, last.data.length - word.length);
  return word;
}
