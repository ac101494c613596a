// What a question is asked with: adapter, wording, language, filters and how many passages are read.

import { el, freshId } from "./dom.js";
import { text } from "./texts.js";

const MOST_FILTERS = 8;
const BASE = "\0base";
const FIELDS = ["source", "title", "language", "format"];

/** The drawer's fields. What was chosen survives a change of the page's language and of the server's models. */
export class Options {
  #panel;
  #known = { base: null, adapters: [], preset: null };
  #chosen = { adapter: "", mode: "auto", language: "auto", topK: "", filters: [["", ""]] };

  constructor(panel) {
    this.#panel = panel;
    this.draw();
  }

  /** What the server has: `base` and `adapters` by name, and which of these is the default. */
  offer(known) {
    this.#known = known;
    if (![BASE, ""].includes(this.#chosen.adapter) && !known.adapters.includes(this.#chosen.adapter)) this.#chosen.adapter = "";
    this.draw();
  }

  /** The fields of a request; what is as the server sets it is left out. */
  fields() {
    const { adapter, mode, language, topK, filters } = this.#chosen;
    const kept = filters.filter(([field, value]) => field.trim() && value);
    return {
      ...(adapter === "" ? {} : { adapter: adapter === BASE ? null : adapter }),
      ...(mode === "auto" ? {} : { mode }),
      ...(language === "auto" ? {} : { language }),
      ...(topK === "" ? {} : { top_k: Number(topK) }),
      ...(kept.length ? { filters: Object.fromEntries(kept.map(([field, value]) => [field.trim(), value])) } : {}),
    };
  }

  /** Show the fields in the page's language. */
  draw() {
    const { base, adapters, preset } = this.#known;
    const names = [["", text("defaultAdapter", preset ?? text("noAdapter"))]];
    if (base) names.push([BASE, text("baseModel", base)]);
    names.push(...adapters.map((name) => [name, name]));
    this.#panel.replaceChildren(
      el("p", { class: "hint" }, text("optionsHint")),
      this.#select("adapter", text("adapter"), names),
      this.#select("mode", text("mode"), Object.entries(text("modes"))),
      this.#select("language", text("answerLanguage"), Object.entries(text("languages"))),
      this.#count(),
      this.#filters(),
    );
  }

  #select(name, label, values) {
    const id = freshId(name);
    const select = el("select", { id, onchange: () => (this.#chosen[name] = select.value) });
    for (const [value, shown] of values) select.append(el("option", { value, selected: value === this.#chosen[name] }, shown));
    return el("div", { class: "field" }, el("label", { for: id }, label), select);
  }

  #count() {
    const id = freshId("top-k");
    const attributes = { id, type: "number", min: 1, max: 20, value: this.#chosen.topK, placeholder: text("byDefault") };
    const input = el("input", { ...attributes, oninput: () => (this.#chosen.topK = input.validity.valid ? input.value : "") });
    return el("div", { class: "field" }, el("label", { for: id }, text("topK")), input);
  }

  #filters() {
    const { filters } = this.#chosen;
    const names = freshId("fields");
    const set = el("fieldset", {}, el("legend", {}, text("filters")), el("datalist", { id: names }, ...FIELDS.map((value) => el("option", { value }))));
    filters.forEach((filter, place) => set.append(this.#filter(filter, place, names)));
    const add = () => {
      filters.push(["", ""]);
      this.draw();
    };
    if (filters.length < MOST_FILTERS) set.append(el("button", { type: "button", class: "quiet", onclick: add }, `+ ${text("addFilter")}`));
    return set;
  }

  #filter(filter, place, names) {
    const cell = (at, label, list) => {
      const input = el("input", { value: filter[at], "aria-label": label, placeholder: label, list, oninput: () => (filter[at] = input.value) });
      return input;
    };
    const remove = () => {
      this.#chosen.filters.splice(place, 1);
      if (!this.#chosen.filters.length) this.#chosen.filters.push(["", ""]);
      this.draw();
    };
    const button = el("button", { type: "button", class: "quiet", "aria-label": text("removeFilter"), title: text("removeFilter"), onclick: remove }, "×");
    return el("div", { class: "filter" }, cell(0, text("filterField"), names), cell(1, text("filterValue"), null), button);
  }
}
