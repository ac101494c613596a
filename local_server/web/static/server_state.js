// What the server says of itself, asked again and again: loading with its phases, ready, draining.

import { health } from "./api.js";
import { byId, el } from "./dom.js";
import { number, text } from "./texts.js";

const OFTEN_MS = 1000;
const SELDOM_MS = 10000;
const ANSWERING = ["ready", "busy", "degraded"];

/** Asks for as long as the page is open; `onChange` is told each body whose state differs from the last. */
export class ServerState {
  #body = { state: "starting", load: { phases_ms: {} } };
  #told = null;
  #asked = 0;
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
    this.draw();
    this.#ask();
    document.addEventListener("visibilitychange", () => document.hidden || this.#look());
  }

  /** Whether a question would be answered. */
  get ready() {
    return ANSWERING.includes(this.#body.state);
  }

  /** Show the state in the page's language. */
  draw() {
    const { state, load, loaded, error, versions } = this.#body;
    byId("state").dataset.state = state;
    const name = byId("state-name");
    if (name.textContent !== text(`states.${state}`)) name.textContent = text(`states.${state}`);
    const phases = Object.entries(load?.phases_ms ?? {});
    const details = byId("state-details");
    details.replaceChildren(el("h2", {}, text("stateDetails")));
    const add = (line) => details.append(el("p", {}, line));
    if (loaded) {
      add([loaded.model, loaded.adapters.length ? `+ ${loaded.adapters.join(", ")}` : ""].join(" "));
      add(text("documentsLoaded", number(loaded.documents), number(loaded.chunks), loaded.index));
    }
    if (error) add(text("failed", `${error.message} ${error.remedy}`));
    if (load?.ready_ms) add(text("loadedIn", number(load.ready_ms / 1000, 1)));
    details.append(el("ul", { class: "phases" }, ...phases.map(([phase, ms]) => el("li", {}, text("phase", phase, number(ms / 1000, 1))))));
    if (versions) add(`Askpod ${versions.askpod}`);
    this.#drawNotice(phases);
  }

  #drawNotice(phases) {
    const { state, error } = this.#body;
    const last = phases.length ? phases.map(([phase]) => phase).join(", ") : text("loadingFirst");
    const notices = {
      starting: () => text("loading", last),
      failed: () => text("failed", error ? `${error.message} ${error.remedy}` : ""),
      draining: () => text("draining"),
      closed: () => text("draining"),
      unreachable: () => text("unreachable"),
    };
    const notice = byId("notice");
    notice.hidden = !(state in notices);
    const words = notices[state]?.() ?? "";
    if (notice.textContent !== words) notice.textContent = words;
  }

  async #ask() {
    try {
      await this.#look();
    } finally {
      setTimeout(() => this.#ask(), this.ready ? SELDOM_MS : OFTEN_MS);
    }
  }

  async #look() {
    if (document.hidden && this.#told !== null) return;
    const mine = ++this.#asked;
    const body = await health().catch(() => ({ state: "unreachable" }));
    // Whoever asked later knows better.
    if (mine !== this.#asked) return;
    this.#body = body;
    this.draw();
    const { state, loaded } = body;
    const told = JSON.stringify([state, loaded?.model, loaded?.adapters, loaded?.default_adapter]);
    if (this.#told === told) return;
    this.#told = told;
    this.#onChange(body);
  }
}
