// The turns of this tab; the server keeps none, so each question brings the ones before it.

import { cutter } from "./dom.js";

const MOST_MESSAGES = 40;
/** Of a question, and of each message before it (agent/schemas.py). */
export const MOST_CHARACTERS = 4000;
// Half of what the server reads by default (MAX_BODY_BYTES); of a long conversation the beginning is left out.
const MOST_BYTES = 32_000;

const cut = (content) => cutter(content)(0, MOST_CHARACTERS);
const bytes = (messages) => new TextEncoder().encode(JSON.stringify(messages)).length;

/** An answer's Markdown without the numbers of its sources; `[0]` inside a block is the document's own. */
function withoutNumbers({ answer, blocks }) {
  const between = cutter(answer);
  const ends = [0, ...blocks.map((block) => block.end)];
  const starts = [...blocks.map((block) => block.start), Infinity];
  // Below a code block they are a line of their own.
  const gaps = starts.map((start, place) => between(ends[place], start).replace(/\n(\[\d+\])+(?=\n|$)| ?\[\d+\]/g, ""));
  return gaps.map((gap, place) => gap + (blocks[place]?.text ?? "")).join("");
}

/** The history of a request: what was asked, and what was answered, without the numbers of the sources. */
export function historyOf(turns) {
  const pairs = turns
    .filter((turn) => turn.answer)
    .map(({ request, answer }) => [request.question, withoutNumbers(answer).trim()])
    .filter(([, said]) => said);
  const messages = pairs.flatMap(([asked, said]) => [
    { role: "user", content: cut(asked) },
    { role: "assistant", content: cut(said) },
  ]);
  const kept = messages.slice(-MOST_MESSAGES);
  while (bytes(kept) > MOST_BYTES) kept.splice(0, 2);
  return kept;
}
