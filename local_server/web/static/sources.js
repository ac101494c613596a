// The passages of an answer, in the order of use, each with its cited sentences marked.

import { byId, cutter, el, prose, reveal } from "./dom.js";
import { placeOf } from "./answer.js";
import { text } from "./texts.js";

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
  card.append(markedPassage(cited));
  card.append(el("button", { type: "button", class: "quiet back", onclick: () => onBack(cited.map((one) => one.id)) }, `↩ ${text("backToAnswer")}`));
  return card;
}

function markedPassage(cited) {
  const [{ passage, passage_start: offset }] = cited;
  const between = cutter(passage);
  const quote = el("blockquote", { dir: "auto" });
  // Cited sentences may overlap: a piece between two ends is marked once, with the numbers of all that it is part of.
  const ends = cited.flatMap((one) => [one.start - offset, one.end - offset]);
  const cuts = [...new Set([0, ...ends])].sort((a, b) => a - b);
  cuts.forEach((from, place) => {
    const piece = prose(between(from, cuts[place + 1]));
    const ids = cited.filter((one) => one.start - offset <= from && from < one.end - offset).map((one) => one.id);
    quote.append(ids.length ? el("mark", { "data-ids": ids.join(" "), tabindex: -1 }, piece) : piece);
  });
  return quote;
}

/** Bring the sentence behind this number to the reader's attention. */
export function revealSource(id) {
  const marks = byId("sources-list").querySelectorAll(`mark[data-ids~="${id}"]`);
  if (marks.length) reveal(...marks);
}
