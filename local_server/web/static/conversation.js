// The turns of this tab; the server keeps none, so each question brings the ones before it.

const MOST_MESSAGES = 20;
const MOST_CHARACTERS = 4000;

const cut = (content) => Array.from(content).slice(0, MOST_CHARACTERS).join("");

/** The history of a request: what was asked, and what was answered, without the numbers of the sources. */
export function historyOf(turns) {
  const messages = turns
    .filter((turn) => turn.answer)
    .flatMap(({ request, answer }) => [
      { role: "user", content: cut(request.question) },
      { role: "assistant", content: cut(answer.answer.replace(/ ?\[\d+\]/g, "")) },
    ]);
  return messages.slice(-MOST_MESSAGES);
}
