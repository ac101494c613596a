// The key: asked for in a dialog, kept in this tab only, and sent nowhere but to this server.

import { byId } from "./dom.js";

const KEPT = "askpod.key";

/** The tab's key; `sessionStorage` forgets it when the tab is closed. */
export class Key {
  #onChange;
  #dialog = byId("key-dialog");

  constructor(onChange) {
    this.#onChange = onChange;
    byId("key").hidden = !this.wanted;
    byId("key").addEventListener("click", () => this.ask());
    byId("key-cancel").addEventListener("click", () => this.#dialog.close());
    byId("key-forget").addEventListener("click", () => this.#keep(""));
    this.#dialog.querySelector("form").addEventListener("submit", () => this.#keep(byId("key-field").value.trim()));
    this.#dialog.addEventListener("close", () => {
      byId("key-field").value = "";
      byId("question").focus();
    });
  }

  /** Whether this server asks for one. */
  get wanted() {
    return document.querySelector('meta[name="askpod-key"]').content === "wanted";
  }

  /** The key; empty where there is none. */
  get value() {
    return sessionStorage.getItem(KEPT) ?? "";
  }

  /** Whether a question can be asked as far as the key goes. */
  get given() {
    return !this.wanted || this.value !== "";
  }

  /** Open the dialog; `wrong` says what is wrong with the one there is. */
  ask(wrong = "") {
    byId("key-wrong").textContent = wrong;
    byId("key-wrong").hidden = !wrong;
    byId("key-forget").hidden = this.value === "";
    if (!this.#dialog.open) this.#dialog.showModal();
    byId("key-field").focus();
  }

  #keep(value) {
    if (value) sessionStorage.setItem(KEPT, value);
    else sessionStorage.removeItem(KEPT);
    if (this.#dialog.open) this.#dialog.close();
    this.#onChange();
  }
}
