// The server's HTTP API, as far as the page needs it (docs/api.md).

/** What went wrong, as the server says it (RFC 9457), or `unreachable`. */
export class Problem extends Error {
  constructor(body) {
    super(body.detail ?? "");
    this.status = body.status ?? 0;
    // Whatever stands between may answer in its own way.
    this.code = body.code ?? `http_${this.status}`;
    this.requestId = body.request_id ?? null;
    this.retryAfter = body.retry_after_s ?? null;
    this.param = body.param ?? null;
  }
}

const unreachable = () => new Problem({ code: "unreachable" });

async function problemOf(response) {
  const { status } = response;
  const wait = Number(response.headers.get("Retry-After")) || null;
  try {
    const body = await response.json();
    // Behind OpenAI's door errors have another shape.
    const { code, message } = body.error ?? {};
    return new Problem({ status, retry_after_s: wait, ...(body.error ? { code, detail: message } : body) });
  } catch {
    return new Problem({ status, retry_after_s: wait });
  }
}

async function fetched(path, options) {
  try {
    return await fetch(new URL(path, BASE), { cache: "no-store", credentials: "omit", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
}

// Where the page's own scripts are from: a proxy may serve all of it under a path of its own.
const BASE = new URL("..", import.meta.url);

/** The server's address, without a slash at its end. */
export const SERVER = BASE.href.replace(/\/$/, "");

const HEALTH_MS = 8000;

const withKey = (key) => (key ? { "X-API-KEY": key } : {});

/** The body of `GET /health`, whatever the state. */
export async function health() {
  const response = await fetched("health", { signal: AbortSignal.timeout(HEALTH_MS) });
  const body = await response.json().catch(() => null);
  if (typeof body?.state !== "string") throw unreachable();
  return body;
}

/** The names of the base model and of the adapters. */
export async function models(key) {
  const response = await fetched("v1/models", { headers: withKey(key) });
  if (!response.ok) throw await problemOf(response);
  // The first is the default, by the service's own name.
  const [, base, ...adapters] = (await response.json()).data.map((model) => model.id);
  return { base, adapters };
}

/**
 * The events of a question as they come, `{event, data}`, until `done`.
 * Aborting the signal closes the connection, and the server stops generating within a token.
 */
export async function* ask(request, key, signal) {
  const response = await fetched("v1/ask", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...withKey(key) },
    body: JSON.stringify({ ...request, stream: true }),
    signal,
  });
  if (!response.ok) throw await problemOf(response);
  for await (const { event, data } of events(response.body)) {
    if (event === "error") throw new Problem(data);
    if (event === "done") return;
    yield { event, data };
  }
  throw unreachable();
}

/** Server-sent events (WHATWG HTML, 9.2.6) with JSON as data; comments are heartbeats. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      let piece;
      try {
        piece = await reader.read();
      } catch (error) {
        if (error.name === "AbortError") throw error;
        throw unreachable();
      }
      if (piece.done) return;
      // A line may end in a line feed, a carriage return or both; half of both waits for its other half.
      const blocks = (text + piece.value).replace(/\r\n|\r(?!$)/g, "\n").split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const fields = new Map();
        for (const line of block.split("\n")) {
          const colon = line.indexOf(":");
          const [name, value] = [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
          if (colon > 0) fields.set(name, fields.has(name) ? `${fields.get(name)}\n${value}` : value);
        }
        if (fields.has("data")) yield { event: fields.get("event"), data: JSON.parse(fields.get("data")) };
      }
    }
  } finally {
    // Whoever looks no further has the connection closed.
    reader.cancel().catch(() => {});
  }
}
