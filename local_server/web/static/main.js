// The page: a conversation, its sources beside it, and a box to ask in.

import { models } from "./api.js";
import { historyOf, MOST_CHARACTERS } from "./conversation.js";
import { byId, reveal } from "./dom.js";
import { Key, refusesKey } from "./key.js";
import { Options } from "./options.js";
import { ServerState } from "./server_state.js";
import { revealSource, showSources } from "./sources.js";
import { number, pageLanguage, speak, text } from "./texts.js";
import { Turn } from "./turn.js";

const turns = [];
let running = null;
let shown = null;
// The chip that was pressed last, to which "back" leads.
let lastChip = null;
// Whether somebody has gone to a source since the last question.
let looked = false;
// The adapter of a request that names none; undefined while it is not known.
let preset;

const question = byId("question");
const drawers = () => [...document.querySelectorAll(".drawer[open]")];
const key = new Key(async (then) => {
  drawControls();
  if (await offerModels(then)) then?.();
});
const options = new Options(byId("options-panel"), (count) => drawOptionsName(count));
const state = new ServerState((body) => {
  preset = body.loaded?.default_adapter;
  drawControls();
  offerModels();
});

/** Ask for the models where that can be done; false when the key is wrong, and `then` waits for another. */
async function offerModels(then = null) {
  // Where workers come with the jobs, asking for the models is one: then only whoever opens the drawer asks.
  const isJob = document.querySelector('meta[name="askpod-workers"]').content === "yes";
  if (!state.ready || !key.given || (isJob && !byId("options").open)) return true;
  const mine = key.value;
  try {
    options.offer({ ...(await models(mine)), preset });
    key.took(mine);
  } catch (error) {
    // What another key was told is past.
    if (!refusesKey(error.code) || key.value !== mine) return true;
    const givesWay = key.refused(mine);
    const why = mine ? text(`errors.${error.code}`) : "";
    key.ask(givesWay ? `${why} ${text("keyGivesWay")}` : why, then ?? undefined);
    return false;
  }
  return true;
}

// ---------------------------------------------------------------- asking

/** Ask; false where that cannot be done now. Where only a key is missing, `again` is called when there is one. */
function put(words, again) {
  const asked = words.trim();
  if (!asked || running || !state.ready) return false;
  if (!key.given) {
    key.ask("", again);
    return false;
  }
  const history = historyOf(turns);
  const request = { question: asked, ...(history.length ? { history } : {}), ...options.fields() };
  looked = false;
  const turn = new Turn(request, {
    withKey: key.wanted,
    // Not under the eyes of somebody who has gone to a source meanwhile.
    onSources: (of) => looked || showTurn(of),
    onChip: (of, id, chip) => {
      looked = true;
      showTurn(of);
      lastChip = chip;
      revealSource(id);
    },
    onAgain: askAgain,
    onKey: (of) => key.ask("", () => askAgain(of)),
  });
  turns.push(turn);
  byId("turns").append(turn.element);
  running = new AbortController();
  drawControls();
  turn.element.scrollIntoView({ block: "start" });
  run(turn, running);
  return true;
}

async function run(turn, mine) {
  const used = key.value;
  try {
    await turn.run(used, mine.signal);
    if (turn.answer) key.took(used);
    if (refusesKey(turn.problem?.code)) key.refused(used);
  } finally {
    if (running === mine) running = null;
    drawControls();
  }
  // It was forgotten with its conversation.
  if (!turns.includes(turn)) return;
  // Once, when it is certain, and not the draft word by word; an error's card speaks for itself.
  if (!turn.problem) say(...turn.spoken());
  // Whoever has gone elsewhere meanwhile stays there.
  const here = [document.body, byId("stop"), byId("send")].includes(document.activeElement);
  if (here && !drawers().length) question.focus({ preventScroll: true });
}

function say(words, language) {
  const spoken = byId("spoken");
  spoken.lang = language ?? pageLanguage();
  spoken.textContent = words;
}

function askAgain(turn) {
  if (running) return;
  if (!key.given) {
    key.ask("", () => askAgain(turn));
    return;
  }
  // The server may be gone: then question and card stay.
  if (!state.ready) return;
  turns.splice(turns.indexOf(turn), 1);
  turn.element.remove();
  put(turn.request.question);
}

function showTurn(turn) {
  shown = turn;
  showSources(turn.answer, turn.request.question, (ids) => {
    const mine = lastChip?.isConnected && ids.includes(Number(lastChip.dataset.id));
    if (mine) reveal(lastChip);
    else turn.reveal(ids[0]);
  });
}

function forget() {
  running?.abort();
  running = null;
  turns.length = 0;
  shown = null;
  byId("turns").replaceChildren();
  byId("spoken").textContent = "";
  showSources(null);
  drawControls();
  question.focus();
}

// ---------------------------------------------------------------- what can be done now

function drawControls() {
  byId("send").hidden = running !== null;
  byId("stop").hidden = running === null;
  byId("send").disabled = !state.ready;
  byId("what").disabled = !state.ready || running !== null;
  byId("intro").hidden = turns.length > 0;
  byId("new").hidden = turns.length === 0;
}

function drawOptionsName(count) {
  byId("options-name").textContent = count ? `${text("options")} (${count})` : text("options");
}

function drawTexts() {
  document.documentElement.lang = pageLanguage();
  document.title = `Askpod · ${text("title")}`;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
  question.placeholder = text("placeholder");
  byId("page-language").value = pageLanguage();
  drawOptionsName(options.count);
  grow();
  judge();
}

function grow() {
  question.style.height = "auto";
  // What the borders take is not scrolled.
  question.style.height = `${Math.min(question.scrollHeight + question.offsetHeight - question.clientHeight, 200)}px`;
}

function putWhat() {
  put(text("whatIsThere"), putWhat);
}

/** What was typed is kept until it has been asked. */
function putTyped() {
  if (!put(question.value, putTyped)) return;
  question.value = "";
  grow();
}

/** The browser says what is wrong with a question when it is sent; nothing of it is cut off in silence. */
function judge() {
  // As the server counts: characters of Unicode, and not UTF-16 units.
  const length = Array.from(question.value.trim()).length;
  const most = number(MOST_CHARACTERS);
  question.setCustomValidity(length > MOST_CHARACTERS ? text("tooLong", most, number(length)) : "");
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  putTyped();
});
byId("stop").addEventListener("click", () => running?.abort());
byId("new").addEventListener("click", forget);
byId("what").addEventListener("click", putWhat);
byId("options").addEventListener("toggle", () => offerModels());
byId("page-language").addEventListener("change", (event) => {
  speak(event.target.value);
  drawTexts();
  options.draw();
  state.draw();
  for (const turn of turns) turn.draw();
  if (shown) showTurn(shown);
});
question.addEventListener("input", () => {
  grow();
  judge();
});
question.addEventListener("keydown", (event) => {
  // 229 is what some browsers say while a character is being composed.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
    event.preventDefault();
    byId("ask").requestSubmit();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || byId("key-dialog").open) return;
  const open = drawers();
  if (!open.length) running?.abort();
  for (const drawer of open) {
    if (drawer.contains(document.activeElement)) drawer.querySelector("summary").focus();
    drawer.open = false;
  }
});
document.addEventListener("click", (event) => {
  // What was pressed may be gone already, as the row of a filter that was removed.
  for (const drawer of drawers()) if (!event.composedPath().includes(drawer)) drawer.open = false;
});
document.addEventListener("focusin", (event) => {
  for (const drawer of drawers()) if (!drawer.contains(event.target)) drawer.open = false;
});

drawTexts();
drawControls();
if (key.given) question.focus();
else key.ask();
