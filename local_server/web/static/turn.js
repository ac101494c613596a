// One question and what came of it: the steps as they happen, the draft, then the answer, its trace, and it as code.

import { ask } from "./api.js";
import { answerOf, problemCard } from "./answer.js";
import { el, freshId, reveal } from "./dom.js";
import { asCurl, asJob, asPython } from "./snippets.js";
import { text } from "./texts.js";
import { traceOf } from "./trace.js";

const endpoint = () => document.querySelector('meta[name="askpod-endpoint"]').content;

/**
 * A turn of the conversation, shown in `element`.
 * @param {object} request as docs/api.md describes it, with the history.
 * @param {{onSources: (turn: Turn) => void, onChip: (turn: Turn, id: number) => void, onAgain: () => void,
 *     onKey: () => void, withKey: boolean}} page what the page does for it.
 */
export class Turn {
  answer = null;
  problem = null;
  stopped = false;
  #passages = 0;

  constructor(request, page) {
    this.request = request;
    this.page = page;
    const title = freshId("turn");
    this.status = el("p", { class: "status" });
    this.draft = el("p", { class: "draft", hidden: true });
    this.result = el("div", { class: "result", tabindex: -1 });
    this.element = el(
      "article",
      { class: "turn", "aria-labelledby": title },
      el("h2", { id: title, class: "asked" }, el("span", { class: "unseen" }, `${text("you")}: `), request.question),
      this.status,
      this.draft,
      this.result,
    );
  }

  /** Ask, and show what comes; ends when all has been shown. */
  async run(key, signal) {
    this.#tell("steps.sent");
    try {
      for await (const { event, data } of ask(this.request, key, signal)) this.#on(event, data);
    } catch (error) {
      if (signal.aborted) this.stopped = true;
      else if (error.code) this.problem = error;
      else throw error;
    }
    this.draw();
  }

  /** What is left of the turn when it has ended, in the page's language. */
  draw() {
    this.status.hidden = true;
    this.element.classList.add("ended");
    if (this.answer) {
      this.draft.hidden = true;
      const answer = answerOf(this.answer, (id) => this.page.onChip(this, id));
      this.result.replaceChildren(answer, this.#copies(), traceOf(this.answer));
    } else if (this.problem) {
      this.draft.hidden = true;
      const actions = [["tryAgain", () => this.page.onAgain(this)]];
      if (["unauthorized", "forbidden"].includes(this.problem.code)) actions.unshift(["enterKey", () => this.page.onKey()]);
      this.result.replaceChildren(problemCard(this.problem, actions));
    } else {
      const again = el("button", { type: "button", class: "quiet", onclick: () => this.page.onAgain(this) }, text("tryAgain"));
      this.result.replaceChildren(el("div", { class: "card" }, el("p", {}, text("stopped")), el("div", { class: "row" }, again)));
    }
  }

  /** Bring a chip to the reader's attention, as when they come back from a source. */
  reveal(id) {
    const chip = this.element.querySelector(`.chip[data-id="${id}"]`);
    if (chip) reveal(chip);
  }

  #on(event, data) {
    if (event === "sources") this.#passages = data.sources.length;
    if (event === "status") {
      const { name } = data.step;
      this.#tell(`steps.${name === "answerer" ? "writing" : name}`, this.#passages || "");
    }
    if (event === "sources") this.#tell("steps.retriever", this.#passages);
    if (event === "delta") this.#write(data.text);
    if (event === "final") {
      this.answer = data.answer;
      this.page.onSources(this);
    }
  }

  #tell(name, ...values) {
    const words = text(name, ...values);
    if (words) this.status.textContent = words;
  }

  #write(piece) {
    if (this.draft.hidden) {
      this.draft.hidden = false;
      this.draft.append(el("span", { class: "badge" }, text("draft")), " ");
      this.#tell("steps.writing");
    }
    this.draft.append(piece);
  }

  #copies() {
    const origin = location.origin;
    const kinds = {
      curl: asCurl(origin, this.request, this.page.withKey),
      job: asJob(origin, endpoint(), this.request),
      python: asPython(origin, endpoint(), this.request),
    };
    const shown = el("pre", { class: "code", hidden: true, tabindex: 0 });
    const said = el("span", { class: "hint", role: "status" });
    const copy = async (name) => {
      shown.textContent = kinds[name];
      shown.hidden = false;
      try {
        await navigator.clipboard.writeText(kinds[name]);
        said.textContent = text("copied");
      } catch {
        said.textContent = text("notCopied");
      }
    };
    const buttons = Object.keys(kinds).map((name) =>
      el("button", { type: "button", class: "quiet", "data-copy": name, onclick: () => copy(name) }, text(name)),
    );
    return el("div", { class: "copies" }, el("div", { class: "row" }, el("span", { class: "hint" }, text("copy")), ...buttons, said), shown);
  }
}
