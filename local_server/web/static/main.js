// The page: a conversation, its sources beside it, and a box to ask in.

import { models } from "./api.js";
import { historyOf } from "./conversation.js";
import { byId } from "./dom.js";
import { Key } from "./key.js";
import { Options } from "./options.js";
import { ServerState } from "./server_state.js";
import { revealSource, showSources } from "./sources.js";
import { pageLanguage, speak, text } from "./texts.js";
import { Turn } from "./turn.js";

const turns = [];
let running = null;
let shown = null;
// The adapter of a request that names none.
let preset = null;

const question = byId("question");
const key = new Key(() => offerModels());
const options = new Options(byId("options-panel"));
const state = new ServerState((body) => {
  preset = body.loaded?.default_adapter ?? null;
  drawControls();
  offerModels();
});

async function offerModels() {
  drawControls();
  if (!state.ready || !key.given) return;
  try {
    options.offer({ ...(await models(key.value)), preset });
  } catch (error) {
    if (error.code === "unauthorized") key.ask(text("errors.unauthorized"));
  }
}

// ---------------------------------------------------------------- asking

async function put(words) {
  const asked = words.trim();
  if (!asked || running) return;
  if (!key.given) {
    key.ask();
    return;
  }
  const history = historyOf(turns);
  const request = { question: asked, ...(history.length ? { history } : {}), ...options.fields() };
  const turn = new Turn(request, {
    withKey: key.wanted,
    onSources: showTurn,
    onChip: (of, id) => {
      showTurn(of);
      revealSource(id);
    },
    onAgain: (of) => {
      if (running) return;
      turns.splice(turns.indexOf(of), 1);
      of.element.remove();
      put(of.request.question);
    },
    onKey: () => key.ask(text("errors.unauthorized")),
  });
  turns.push(turn);
  byId("turns").append(turn.element);
  running = new AbortController();
  drawControls();
  question.value = "";
  grow();
  turn.element.scrollIntoView({ block: "start" });
  try {
    await turn.run(key.value, running.signal);
  } finally {
    running = null;
    drawControls();
  }
  // Once, when it is certain, and not the draft word by word.
  byId("spoken").textContent = turn.answer ? turn.answer.answer : (turn.problem?.message ?? text("stopped"));
  question.focus({ preventScroll: true });
}

function showTurn(turn) {
  shown = turn;
  showSources(turn.answer, turn.request.question, (id) => turn.reveal(id));
}

function forget() {
  running?.abort();
  turns.length = 0;
  shown = null;
  byId("turns").replaceChildren();
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

function drawTexts() {
  document.documentElement.lang = pageLanguage();
  document.title = `Askpod · ${text("title")}`;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
  question.placeholder = text("placeholder");
  byId("page-language").value = pageLanguage();
}

function grow() {
  question.style.height = "auto";
  // What the borders take is not scrolled.
  question.style.height = `${Math.min(question.scrollHeight + question.offsetHeight - question.clientHeight, 200)}px`;
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (state.ready) put(question.value);
});
byId("stop").addEventListener("click", () => running?.abort());
byId("new").addEventListener("click", forget);
byId("what").addEventListener("click", () => put(text("whatIsThereQuestion")));
byId("page-language").addEventListener("change", (event) => {
  speak(event.target.value);
  drawTexts();
  options.draw();
  state.draw();
  for (const turn of turns) if (turn.element.classList.contains("ended")) turn.draw();
  if (shown) showTurn(shown);
});
question.addEventListener("input", grow);
question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId("ask").requestSubmit();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    running?.abort();
    for (const drawer of document.querySelectorAll(".drawer[open]")) drawer.open = false;
  }
  const typing = event.target.closest?.("input, textarea, select, dialog");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    question.focus();
  }
});
document.addEventListener("click", (event) => {
  for (const drawer of document.querySelectorAll(".drawer[open]")) if (!drawer.contains(event.target)) drawer.open = false;
});

drawTexts();
drawControls();
if (key.given) question.focus();
else key.ask();
