// What a question is asked with: adapter, wording, language, filters and how many passages are read.

import { el, freshId } from "./dom.js";
import { text } from "./texts.js";

const MOST_FILTERS = 8;
const BASE = "\0base";
const FIELDS = ["source", "title", "language", "format"];

/** The drawer's fields. What was chosen survives a change of the page's language and of the server's models. */
export class Options {
  #panel;
  #onChange;
  #known = { base: null, adapters: [], preset: undefined };
  #chosen = { adapter: "", mode: "auto", language: "auto", topK: "", filters: [["", ""]] };

  constructor(panel, onChange) {
    this.#panel = panel;
    this.#onChange = onChange;
    this.draw();
  }

  /** What the server has: `base` and `adapters` by name, and which of these is the default. */
  offer(known) {
    if (JSON.stringify(known) === JSON.stringify(this.#known)) return;
    this.#known = known;
    if (![BASE, ""].includes(this.#chosen.adapter) && !known.adapters.includes(this.#chosen.adapter)) this.#choose("adapter", "");
    // The other fields are as they were, and somebody may be typing in one.
    this.#adapter.replaceWith(this.#select("adapter", text("adapter"), this.#adapters()));
  }

  /** The fields of a request; what is as the server sets it is left out. */
  fields() {
    const { adapter, mode, language, topK, filters } = this.#chosen;
    // What is half filled in, or out of range, is the server's to refuse: it is not left out in silence.
    const kept = filters.filter(([field, value]) => field.trim() || value);
    return {
      ...(adapter === "" ? {} : { adapter: adapter === BASE ? null : adapter }),
      ...(mode === "auto" ? {} : { mode }),
      ...(language === "auto" ? {} : { language }),
      ...(topK === "" ? {} : { top_k: Number(topK) }),
      ...(kept.length ? { filters: Object.fromEntries(kept.map(([field, value]) => [field.trim(), value])) } : {}),
    };
  }

  /** How many of them are not as the server sets them. */
  get count() {
    return Object.keys(this.fields()).length;
  }

  /** Show the fields in the page's language. */
  draw() {
    this.#panel.replaceChildren(
      el("p", { class: "hint" }, text("optionsHint")),
      this.#select("adapter", text("adapter"), this.#adapters()),
      this.#select("mode", text("mode"), Object.entries(text("modes"))),
      el("p", { class: "hint" }, text("modeHint")),
      this.#select("language", text("answerLanguage"), Object.entries(text("languages"))),
      this.#count(),
      this.#filters(),
    );
  }

  get #adapter() {
    return this.#panel.querySelector(".field");
  }

  #adapters() {
    const { base, adapters, preset } = this.#known;
    const names = [["", preset === undefined ? text("byDefault") : text("defaultAdapter", preset ?? text("noAdapter"))]];
    if (base) names.push([BASE, text("baseModel", base)]);
    return [...names, ...adapters.map((name) => [name, name])];
  }

  #choose(name, value) {
    this.#chosen[name] = value;
    this.#onChange(this.count);
  }

  #write(filter, at, value) {
    filter[at] = value;
    this.#onChange(this.count);
  }

  #select(name, label, values) {
    const id = freshId(name);
    const select = el("select", { id, onchange: () => this.#choose(name, select.value) });
    for (const [value, shown] of values) select.append(el("option", { value, selected: value === this.#chosen[name] }, shown));
    return el("div", { class: "field" }, el("label", { for: id }, label), select);
  }

  #count() {
    const id = freshId("top-k");
    const attributes = { id, type: "number", min: 1, max: 20, value: this.#chosen.topK, placeholder: text("byDefault") };
    const input = el("input", { ...attributes, oninput: () => this.#choose("topK", input.value) });
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
      this.#panel.querySelector(".filter:last-of-type input").focus();
    };
    if (filters.length < MOST_FILTERS) set.append(el("button", { type: "button", class: "quiet", onclick: add }, `+ ${text("addFilter")}`));
    return set;
  }

  #filter(filter, place, names) {
    const cell = (at, label, list) => {
      const input = el("input", { value: filter[at], "aria-label": label, placeholder: label, list, oninput: () => this.#write(filter, at, input.value) });
      return input;
    };
    const remove = () => {
      this.#chosen.filters.splice(place, 1);
      if (!this.#chosen.filters.length) this.#chosen.filters.push(["", ""]);
      this.draw();
      this.#panel.querySelectorAll(".filter")[Math.max(place - 1, 0)].querySelector("input").focus();
      this.#onChange(this.count);
    };
    const button = el("button", { type: "button", class: "quiet", "aria-label": text("removeFilter"), title: text("removeFilter"), onclick: remove }, "×");
    return el("div", { class: "filter" }, cell(0, text("filterField"), names), cell(1, text("filterValue"), null), button);
  }
}
