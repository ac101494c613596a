// The key: asked for in a dialog, kept in this tab only, and sent nowhere but to this server.

import { byId } from "./dom.js";
import { text } from "./texts.js";

const KEPT = "askpod.key";
// What a header can carry; a key with a typographic quote in it was pasted from somewhere else.
const A_KEY = /^[\x21-\x7e]+$/;

// What the server says of a key that is not for asking, or is wrong: the last for a while in place of the second.
const REFUSALS = ["forbidden", "unauthorized", "too_many_attempts"];

/** Whether an error of this code is the key's. */
export function refusesKey(code) {
  return REFUSALS.includes(code);
}

/** The tab's key; `sessionStorage` forgets it when the tab is closed. */
export class Key {
  #onChange;
  #dialog = byId("key-dialog");
  #value = "";
  // The last one that the server took, or that the tab brought along.
  #taken = "";
  // What is to be done as soon as there is a key that is right.
  #then = null;

  /** @param {(then: ?Function) => void} onChange told that there is another key, and what waited for one. */
  constructor(onChange) {
    this.#onChange = onChange;
    try {
      this.#value = sessionStorage.getItem(KEPT) ?? "";
      this.#taken = this.#value;
    } catch {
      // Without storage it is forgotten with the next load.
    }
    byId("key").hidden = !this.wanted;
    byId("key").addEventListener("click", () => this.ask());
    byId("key-cancel").addEventListener("click", () => this.#dialog.close());
    byId("key-forget").addEventListener("click", () => this.#keep(""));
    this.#dialog.querySelector("form").addEventListener("submit", (event) => {
      // It is closed here, and not by the browser once this has run.
      event.preventDefault();
      const value = byId("key-field").value.trim();
      if (A_KEY.test(value)) this.#keep(value);
      else this.ask(text("errors.unauthorized"));
    });
    this.#dialog.addEventListener("close", () => {
      // Told in a task of its own: a key that is refused at once may have opened it again by then.
      if (this.#dialog.open) return;
      this.#clear();
      byId("question").focus();
    });
  }

  /** Whether this server asks for one. */
  get wanted() {
    return document.querySelector('meta[name="askpod-key"]').content === "wanted";
  }

  /** The key; empty where there is none. */
  get value() {
    return this.#value;
  }

  /** Whether a question can be asked as far as the key goes. */
  get given() {
    return !this.wanted || this.value !== "";
  }

  /** The server has taken this key. It may have been forgotten meanwhile. */
  took(value) {
    if (value === this.#value) this.#taken = value;
  }

  /** The server has refused this key: the last one that it took is used again, until another is entered. True if so. */
  refused(value) {
    if (value === this.#taken) this.#taken = "";
    const givesWay = value === this.#value && this.#taken !== "";
    if (givesWay) this.#store(this.#taken);
    return givesWay;
  }

  /** Open the dialog; `wrong` says what is wrong with the key there is, `then` is what waits for another. */
  ask(wrong = "", then = this.#then) {
    this.#then = then;
    byId("key-wrong").textContent = wrong;
    byId("key-wrong").hidden = !wrong;
    // After a refusal it would forget another key than the one that was refused.
    byId("key-forget").hidden = this.value === "" || wrong !== "";
    if (!this.#dialog.open) this.#dialog.showModal();
    byId("key-field").focus();
  }

  #keep(value) {
    this.#store(value);
    if (!value) this.#taken = "";
    const then = this.#then;
    this.#clear();
    if (this.#dialog.open) this.#dialog.close();
    this.#onChange(value ? then : null);
  }

  #store(value) {
    this.#value = value;
    try {
      if (value) sessionStorage.setItem(KEPT, value);
      else sessionStorage.removeItem(KEPT);
    } catch {
      // As above.
    }
  }

  #clear() {
    this.#then = null;
    byId("key-field").value = "";
  }
}
