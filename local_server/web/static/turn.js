// One question and what came of it: the steps as they happen, the draft, then the answer, its trace, and it as code.

import { ask, Problem, SERVER } from "./api.js";
import { answerOf, problemCard } from "./answer.js";
import { spokenOf } from "./blocks.js";
import { el, freshId, reveal } from "./dom.js";
import { refusesKey } from "./key.js";
import { asCurl, asJob, asPython } from "./snippets.js";
import { text } from "./texts.js";
import { traceOf } from "./trace.js";

const told = (name) => document.querySelector(`meta[name="askpod-${name}"]`).content;

/**
 * A turn of the conversation, shown in `element`.
 * @param {object} request as docs/api.md describes it, with the history.
 * @param {{onSources: (turn: Turn) => void, onChip: (turn: Turn, id: number) => void, onAgain: (turn: Turn) => void,
 *     onKey: (turn: Turn) => void, withKey: boolean}} page what the page does for it.
 */
export class Turn {
  answer = null;
  problem = null;
  told = false;
  #passages = 0;
  #ended = false;
  #step = [];
  // Which of the copies is shown below the answer.
  #copied = null;

  constructor(request, page) {
    this.request = request;
    this.page = page;
    const title = freshId("turn");
    this.status = el("p", { class: "status" });
    this.draft = el("p", { class: "draft", dir: "auto", hidden: true });
    this.result = el("div", { class: "result" });
    this.element = el(
      "article",
      { class: "turn", "aria-labelledby": title },
      el("h2", { id: title, class: "asked", dir: "auto" }, el("span", { class: "unseen", "data-text": "you" }, text("you")), request.question),
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
      // What comes behind an answer does not matter any more.
      if (!signal.aborted && !this.answer) this.#fail(error);
    }
    this.#ended = true;
    try {
      this.draw();
    } catch (error) {
      this.answer = null;
      this.#fail(error);
      this.draw();
    }
  }

  /** An answer that cannot be read must not leave the reader waiting. */
  #fail(error) {
    this.problem = error instanceof Problem ? error : new Problem({ code: "unreadable" });
    if (this.problem.code === "unreadable") console.error(error);
  }

  /** Show how far it is, or what is left of it when it has ended, in the page's language. */
  draw() {
    if (!this.#ended) {
      this.#tell(...this.#step);
      return;
    }
    this.status.hidden = true;
    this.element.classList.add("ended");
    if (this.answer) {
      this.draft.hidden = true;
      const opened = this.result.querySelector(".trace")?.open ?? false;
      const answer = answerOf(this.answer, (id, chip) => this.page.onChip(this, id, chip));
      const trace = traceOf(this.answer);
      trace.open = opened;
      this.result.replaceChildren(answer, this.#copies(), trace);
    } else if (this.problem) {
      this.draft.hidden = true;
      const actions = [["tryAgain", () => this.page.onAgain(this)]];
      if (refusesKey(this.problem.code)) actions.unshift(["enterKey", () => this.page.onKey(this)]);
      // It is told once, and not again when the page changes its language.
      this.result.replaceChildren(problemCard(this.problem, actions, !this.told));
      this.told = true;
    } else {
      const again = el("button", { type: "button", class: "quiet", onclick: () => this.page.onAgain(this) }, text("tryAgain"));
      this.result.replaceChildren(el("div", { class: "card" }, el("p", {}, this.#stopped()), el("div", { class: "row" }, again)));
    }
  }

  /** What a screen reader says of it, and in which language. */
  spoken() {
    if (!this.answer) return [this.#stopped()];
    if (this.answer.abstained) return [`${text(`noAnswer.${this.answer.reason}`)}. ${text(`reasons.${this.answer.reason}`)}`];
    return [spokenOf(this.answer), this.answer.language];
  }

  /** Bring a chip to the reader's attention, as when they come back from a source. */
  reveal(id) {
    const chip = this.element.querySelector(`.chip[data-id="${id}"]`);
    if (chip) reveal(chip);
  }

  #stopped() {
    return text(this.draft.hidden ? "stoppedEarly" : "stopped");
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
    if (!words) return;
    this.#step = [name, ...values];
    this.status.textContent = words;
  }

  #write(piece) {
    if (this.draft.hidden) {
      this.draft.hidden = false;
      this.draft.append(el("span", { class: "badge", "data-text": "draft" }, text("draft")), " ");
      this.#tell("steps.writing");
    }
    this.draft.append(piece);
  }

  #copies() {
    const { withKey } = this.page;
    const endpoint = told("endpoint");
    const kinds = {
      answer: this.answer.answer,
      curl: asCurl(SERVER, this.request, withKey),
      job: asJob(SERVER, endpoint, this.request, withKey),
      python: asPython(SERVER, endpoint, this.request, withKey, told("output") === "events"),
    };
    const shown = el("pre", { class: "code", tabindex: 0, role: "region", "aria-label": text("copy") });
    const said = el("span", { class: "hint", role: "status" });
    const show = (name) => {
      this.#copied = name;
      shown.hidden = name === null;
      shown.textContent = kinds[name] ?? "";
    };
    const copy = async (name) => {
      show(name);
      try {
        await navigator.clipboard.writeText(kinds[name]);
        said.textContent = text(withKey && name !== "answer" ? "copiedWithKey" : "copied");
      } catch {
        said.textContent = text("notCopied");
      }
    };
    show(this.#copied);
    const button = (name, words) => el("button", { type: "button", class: "quiet", "data-copy": name, onclick: () => copy(name) }, words);
    const hint = el("span", { class: "hint" }, text("copy"));
    const programs = ["curl", "job", "python"].map((name) => button(name, text(name)));
    return el("div", { class: "copies" }, el("div", { class: "row" }, button("answer", text("copyAnswer")), hint, ...programs, said), shown);
  }
}
