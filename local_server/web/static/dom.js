// Elements, made so that whatever a document or an answer says stays text: there is no way to pass HTML.

/**
 * An element.
 * @param {string} tag
 * @param {Object<string, string|number|boolean|Function|null>} attributes "on..." is a listener; true sets an empty
 *     attribute; false and null leave it out.
 * @param {...(Node|string|null)} children strings become text; null is left out.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A text, with what stands between backticks as code; not a character is lost. */
export function prose(words) {
  const parts = document.createDocumentFragment();
  words.split(/(`[^`\n]+`)/).forEach((part, place) => {
    const code = place % 2 && el("code", {}, el("span", { class: "tick" }, "`"), part.slice(1, -1), el("span", { class: "tick" }, "`"));
    parts.append(code || part);
  });
  return parts;
}

/** Cuts a text by offsets that count characters of Unicode, as Python does, and not UTF-16 units. */
export function cutter(words) {
  const characters = Array.from(words);
  return (from, to) => characters.slice(from, to).join("");
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** An id that no other element has. */
export const freshId = (() => {
  let last = 0;
  return (prefix) => `${prefix}-${++last}`;
})();

/** Bring an element into view and, with what belongs to it, to the reader's attention. */
export function reveal(element, ...more) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  // Of what is higher than the window, the beginning is shown.
  const block = element.getBoundingClientRect().height > innerHeight / 2 ? "start" : "center";
  element.scrollIntoView({ behavior: still ? "auto" : "smooth", block });
  element.focus({ preventScroll: true });
  for (const one of [element, ...more]) {
    one.classList.remove("found");
    // The next frame, so that the animation begins anew.
    requestAnimationFrame(() => requestAnimationFrame(() => one.classList.add("found")));
  }
}
