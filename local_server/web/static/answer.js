// One answer: its blocks with numbered chips, how sure it is, or why there is none.

import { blocksOf } from "./blocks.js";
import { el, prose } from "./dom.js";
import { text } from "./texts.js";

const LEVELS = [["high", 0.75], ["fair", 0.5], ["low", 0.25], ["none", 0]];

/**
 * What an answer says, as elements.
 * @param {object} answer as docs/api.md describes it.
 * @param {(id: number, chip: Element) => void} onChip called with a citation's number, and what was pressed.
 */
export function answerOf(answer, onChip) {
  if (answer.abstained) return abstention(answer);
  const shown = el("div", { class: "answer" }, blocksOf(answer, (citation) => chip(citation, onChip)));
  if (answer.citations.length) shown.append(confidenceOf(answer.confidence));
  else shown.append(el("p", { class: "hint" }, text(answer.route === "corpus" ? "corpus" : "smalltalk")));
  return shown;
}

function chip(citation, onChip) {
  const label = text("source", citation.id, placeOf(citation));
  const attributes = { type: "button", class: "chip", "data-id": citation.id, "aria-label": label, title: label };
  return el("button", { ...attributes, onclick: (event) => onChip(citation.id, event.currentTarget) }, String(citation.id));
}

/** Where a span stands: its document, and the page, the line or the characters. */
export function placeOf(place) {
  const where =
    place.page !== null ? text("page", place.page)
    : place.line !== null ? text("line", place.line)
    : text("characters", place.start, place.end);
  return `${place.source}, ${where}`;
}

/** A bar with words for a probability. */
export function confidenceOf(confidence) {
  const [level] = LEVELS.find(([, least]) => confidence >= least);
  // Nothing is certain.
  const percent = Math.min(Math.round(confidence * 100), 99);
  const words = text("confidence", percent, text(`levels.${level}`));
  const filled = el("span", {});
  // Set by script, which the policy allows; a style in the markup it would not.
  filled.style.inlineSize = `${confidence * 100}%`;
  return el(
    "div",
    { class: `confidence ${level}` },
    el("div", { class: "meter", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": percent, "aria-label": words }, filled),
    el("span", { "aria-hidden": "true" }, words),
  );
}

function abstention(answer) {
  const card = el("div", { class: "card nothing" }, el("h3", {}, text(`noAnswer.${answer.reason}`)), el("p", {}, text(`reasons.${answer.reason}`)));
  if (answer.nearest.length) {
    const list = el("ul", { class: "nearest" });
    for (const place of answer.nearest) {
      list.append(el("li", {}, el("q", { dir: "auto" }, prose(place.text)), el("cite", {}, placeOf(place))));
    }
    card.append(el("p", { class: "hint" }, text("nearest")), list);
  }
  return card;
}

/** What is shown instead of an answer: the code, a sentence, the request id, and what can be done. */
export function problemCard(problem, actions, aloud) {
  const words = text(`errors.${problem.code}`) ?? text("errors.other");
  const card = el("div", { class: "card error", role: aloud ? "alert" : null }, el("h3", {}, text("error")), el("p", {}, words));
  // The server's own sentence names what is wrong; of a key it tells which header it goes in, which nobody here sends.
  if (problem.message && problem.code !== "unauthorized") card.append(el("p", { class: "hint", lang: "en" }, problem.message));
  const facts = [problem.code, problem.param, problem.retryAfter && text("again", problem.retryAfter)];
  if (problem.requestId) facts.push(text("requestId", problem.requestId));
  card.append(el("p", { class: "hint" }, facts.filter(Boolean).join(" · ")));
  const row = el("div", { class: "row" });
  for (const [name, action] of actions) row.append(el("button", { type: "button", class: "quiet", onclick: action }, text(name)));
  card.append(row);
  return card;
}
