// The passages of an answer, in the order of use, each with its cited spans marked.

import { byId, cutter, el, prose, reveal } from "./dom.js";
import { placeOf } from "./answer.js";
import { text } from "./texts.js";

// In characters: a passage longer than LONG is folded where it is farther than NEAR from every mark.
const LONG = 1200;
const NEAR = 280;
// Whole lines where that leaves a context worth reading, else whole words, else characters.
const HEADS = [`^[^]{80,${NEAR}}(?=\\n)`, `^[^]{0,${NEAR}}(?=\\s|$)`, `^[^]{0,${NEAR}}`].map((pattern) => new RegExp(pattern, "u"));
const TAILS = [`(?<=\\n)[^]{80,${NEAR}}$`, `(?<=\\s)[^]{0,${NEAR}}$`, `[^]{0,${NEAR}}$`].map((pattern) => new RegExp(pattern, "u"));
const first = (patterns, words) => patterns.map((pattern) => words.match(pattern)?.[0]).find((found) => found !== undefined);

/** Groups citations by the passage they stand in, in order of use. */
function passagesOf(citations) {
  const passages = new Map();
  for (const citation of citations) {
    const key = `${citation.source}\0${citation.passage_start}`;
    if (!passages.has(key)) passages.set(key, []);
    passages.get(key).push(citation);
  }
  return [...passages.values()];
}

/**
 * Show the sources of an answer.
 * @param {object} answer as docs/api.md describes it.
 * @param {string} question that it answers.
 * @param {(ids: number[]) => void} onBack called with the numbers of the passage that is left.
 */
export function showSources(answer, question, onBack) {
  const list = byId("sources-list");
  if (!answer || !answer.citations.length) {
    list.replaceChildren(el("p", { class: "hint", "data-text": "noSources" }, text("noSources")));
    return;
  }
  const passages = passagesOf(answer.citations).map((cited) => passageCard(cited, onBack));
  list.replaceChildren(el("p", { class: "hint of" }, text("sourcesFor", question)), ...passages);
}

function passageCard(cited, onBack) {
  const [first] = cited;
  const card = el("article", { class: "source", tabindex: -1 });
  const numbers = cited.map((one) => el("span", { class: "number" }, String(one.id)));
  const heading = first.heading && first.heading !== first.title ? first.heading : first.title;
  card.append(
    el("h3", {}, ...numbers, el("span", {}, first.title)),
    el("p", { class: "place" }, [...new Set(cited.map(placeOf))].join(" · ")),
  );
  if (heading !== first.title) card.append(el("p", { class: "heading" }, heading));
  const quote = markedPassage(cited);
  const back = el("button", { type: "button", class: "quiet back", onclick: () => onBack(cited.map((one) => one.id)) }, `↩ ${text("backToAnswer")}`);
  card.append(quote, el("div", { class: "row" }, ...[back, unfolding(quote)].filter(Boolean)));
  return card;
}

function markedPassage(cited) {
  const [{ passage, passage_start: offset }] = cited;
  const between = cutter(passage);
  const quote = el("blockquote", { dir: "auto" });
  // Cited spans may overlap: a piece between two ends is marked once, with the numbers of all that it is part of.
  const ends = cited.flatMap((one) => [one.start - offset, one.end - offset]);
  const cuts = [...new Set([0, ...ends])].sort((a, b) => a - b);
  const idsAt = (from) => cited.filter((one) => one.start - offset <= from && from < one.end - offset).map((one) => one.id);
  cuts.forEach((from, place) => {
    const piece = between(from, cuts[place + 1]);
    const ids = idsAt(from);
    if (ids.length) quote.append(el("mark", { "data-ids": ids.join(" "), tabindex: -1 }, prose(piece)));
    else if (passage.length <= LONG) quote.append(prose(piece));
    else quote.append(...folded(piece, place > 0, place < cuts.length - 1));
  });
  return quote;
}

/** A piece without a mark: what is near the marks before and behind it, and "…" for the rest. */
function folded(piece, markBefore, markBehind) {
  const head = markBefore ? first(HEADS, piece) : "";
  const tail = markBehind ? first(TAILS, piece.slice(head.length)) : "";
  const middle = piece.slice(head.length, piece.length - tail.length);
  if (middle.length <= NEAR) return [prose(piece)];
  const before = head && (middle.startsWith("\n") ? "\n" : " ");
  const behind = tail && (middle.endsWith("\n") ? "\n" : " ");
  return [prose(head), el("span", { class: "cut" }, `${before}…${behind}`), el("span", { class: "fold", hidden: true }, prose(middle)), prose(tail)];
}

/** Shows and hides what is folded in a quote; null where nothing is. */
function unfolding(quote) {
  const parts = quote.querySelectorAll(".cut, .fold");
  if (!parts.length) return null;
  const toggle = () => {
    for (const part of parts) part.hidden = !part.hidden;
    const isWhole = quote.querySelector(".cut").hidden;
    button.setAttribute("aria-expanded", String(isWhole));
    button.textContent = text(isWhole ? "passageFolded" : "passageWhole");
  };
  const button = el("button", { type: "button", class: "quiet unfold", "aria-expanded": "false", onclick: toggle }, text("passageWhole"));
  return button;
}

/** Bring the span behind this number to the reader's attention. */
export function revealSource(id) {
  const marks = byId("sources-list").querySelectorAll(`mark[data-ids~="${id}"]`);
  if (marks.length) reveal(...marks);
}
