// The server's HTTP API, as far as the page needs it (docs/api.md).

/** What went wrong, as the server says it (RFC 9457), or `unreachable`. */
export class Problem extends Error {
  constructor(body) {
    super(body.detail ?? "");
    Object.assign(this, { code: body.code, status: body.status ?? 0, requestId: body.request_id ?? null });
    this.retryAfter = body.retry_after_s ?? null;
    this.param = body.param ?? null;
  }
}

const unreachable = () => new Problem({ code: "unreachable" });

async function problemOf(response) {
  try {
    const body = await response.json();
    // Behind OpenAI's door errors have another shape.
    const { code, message } = body.error ?? {};
    return new Problem(body.error ? { code, detail: message, status: response.status } : body);
  } catch {
    return new Problem({ code: `http_${response.status}`, status: response.status });
  }
}

async function fetched(path, options) {
  try {
    return await fetch(path, { cache: "no-store", credentials: "omit", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
}

const withKey = (key) => (key ? { "X-API-KEY": key } : {});

/** The body of `GET /health`, whatever the state. */
export async function health() {
  const response = await fetched("/health", {});
  try {
    return await response.json();
  } catch {
    throw unreachable();
  }
}

/** The names of the base model and of the adapters. */
export async function models(key) {
  const response = await fetched("/v1/models", { headers: withKey(key) });
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
  const response = await fetched("/v1/ask", {
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
      const blocks = (text + piece.value).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const fields = new Map();
        for (const line of block.split("\n")) {
          const colon = line.indexOf(":");
          if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart());
        }
        if (fields.has("data")) yield { event: fields.get("event"), data: JSON.parse(fields.get("data")) };
      }
    }
  } finally {
    // Whoever looks no further has the connection closed.
    reader.cancel().catch(() => {});
  }
}
