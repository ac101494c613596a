// How an answer came about: what each agent decided, what it cost, what was found and what the model read.

import { el } from "./dom.js";
import { duration, number, text } from "./texts.js";

/** The drawer of an answer. */
export function traceOf(answer) {
  const steps = new Map(answer.trace.map((step) => [step.name, step]));
  return el(
    "details",
    { class: "trace" },
    el("summary", {}, text("trace")),
    el(
      "div",
      { class: "panel" },
      facts(answer),
      times(answer),
      ...found(steps.get("retriever")),
      ...context(steps.get("context")),
      ...read(steps.get("answerer")),
      ...verdict(steps.get("verifier")),
    ),
  );
}

function facts(answer) {
  const { usage, timings } = answer;
  const values = {
    route: text(`routes.${answer.route}`) ?? answer.route,
    language: text(`languages.${answer.language}`) ?? answer.language,
    model: answer.model,
    adapter: answer.adapter ?? text("noAdapter"),
    index: answer.index,
    tokens: text("tokensValue", usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens),
    first: timings.time_to_first_token_ms === null ? null : duration(timings.time_to_first_token_ms),
    queue: timings.queue_ms ? duration(timings.queue_ms) : null,
    cold: answer.cold_start ? text("yes") : text("no"),
    request: answer.request_id,
  };
  const list = el("dl", { class: "facts" });
  for (const [name, value] of Object.entries(values)) {
    if (value !== null) list.append(el("div", {}, el("dt", {}, text(`traceFacts.${name}`)), el("dd", {}, String(value))));
  }
  return list;
}

function times(answer) {
  const total = answer.timings.total_ms;
  const rest = total - answer.trace.reduce((sum, step) => sum + step.ms, 0);
  const rows = answer.trace.map((step) => [step.name, step.decision, step.ms]);
  if (rest >= 1) rows.push(["rest", "", rest]);
  const table = el("table", { class: "times" }, el("caption", {}, `${text("time")}: ${duration(total)}`));
  let before = 0;
  for (const [name, decision, ms] of rows) {
    const bar = el("span", { class: "bar" });
    // Set by script, which the policy allows; a style in the markup it would not.
    bar.style.marginInlineStart = `${(100 * before) / total}%`;
    bar.style.inlineSize = `${Math.max((100 * ms) / total, 0.5)}%`;
    const title = text(`stepNames.${name}`) ?? name;
    table.append(
      el("tr", {}, el("th", { scope: "row" }, title), el("td", { class: "decision" }, text(`routes.${decision}`) ?? text(`decisions.${decision}`) ?? decision),
        el("td", { class: "bars" }, bar), el("td", { class: "ms" }, duration(ms))),
    );
    before += ms;
  }
  return table;
}

function found(step) {
  return (step?.details.parts ?? []).flatMap((part) => [
    el("h3", {}, text("queries")),
    el("ul", { class: "queries" }, ...part.queries.map((query) => el("li", {}, query))),
    scores(part, step.details),
  ]);
}

function scores(part, { min_relevance }) {
  const reranked = part.passages.some((passage) => passage.reranked !== null);
  const columns = text("columns").slice(0, reranked ? 5 : 4);
  const shown = (value) => (value === null ? "–" : number(value, 3));
  const rows = part.passages.map((passage) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("span", { class: "file" }, passage.source), el("span", { class: "heading" }, passage.heading)),
      ...["dense", "lexical", "fused", "reranked"].slice(0, columns.length - 1).map((name) => el("td", {}, shown(passage[name]))),
    ),
  );
  const judged = text("relevance", ...[part.relevance, min_relevance, part.confidence].map((value) => number(value, 2)));
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": text("passages") },
    el(
      "table",
      { class: "scores" },
      el("caption", {}, `${text("passages")}: ${judged}`),
      el("thead", {}, el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...rows),
    ),
  );
}

function context(step) {
  if (!step) return [];
  const { why, tokens, context: passages } = step.details;
  const list = passages.map((one) => el("li", {}, one.heading, " ", el("cite", {}, `${one.source}, ${text("tokensOf", one.tokens)}`)));
  return [
    el("h3", {}, text("contextTitle")),
    el("p", { class: "hint" }, text("contextWhy", text(`decisions.${step.decision}`) ?? step.decision, why, tokens)),
    el("ol", { class: "packed" }, ...list),
  ];
}

function read(step) {
  const { sentences, nothing } = step?.details ?? {};
  if (!sentences) return [];
  const list = sentences.map((one) => el("li", {}, one.text, " ", el("cite", {}, one.source)));
  const doubt = typeof nothing === "number" ? el("p", { class: "hint" }, text("nothing", number(nothing * 100))) : null;
  return [el("h3", {}, text("packed")), el("ol", { class: "packed" }, ...list), doubt];
}

function verdict(step) {
  if (!step) return [];
  const { confidence, min_confidence, dropped } = step.details;
  const needed = typeof confidence === "number" ? el("p", { class: "hint" }, text("needed", number(confidence, 2), number(min_confidence, 2))) : null;
  const left = (Array.isArray(dropped) ? dropped : []).map((claim) => el("li", {}, claim));
  const without = left.length ? [el("p", { class: "hint" }, text("droppedTitle")), el("ul", { class: "queries" }, ...left)] : [];
  return [el("h3", {}, text("outcome")), el("p", {}, text(`verdict.${step.decision}`) ?? step.decision), needed, ...without];
}
