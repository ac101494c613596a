// The same question for a terminal, for the queue and for the official SDK. A key is never in it.

const KEY = "$API_KEY";
// What a shell takes literally.
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A request in the HTTP API. */
export const asCurl = (origin, request, withKey) =>
  [
    `curl -s ${origin}/v1/ask`,
    ...(withKey ? [`-H "X-API-KEY: ${KEY}"`] : []),
    '-H "Content-Type: application/json"',
    `-d ${quoted(JSON.stringify(request))}`,
  ].join(" \\\n  ");

/** A job for the queue, and how to send it where this server has an endpoint. */
export const asJob = (origin, endpoint, request) =>
  endpoint
    ? [
        `curl -s ${origin}/v2/${endpoint}/runsync`,
        `-H "Authorization: Bearer ${KEY}"`,
        '-H "Content-Type: application/json"',
        `-d ${quoted(JSON.stringify({ input: request }))}`,
      ].join(" \\\n  ")
    : JSON.stringify({ input: request }, null, 1);

/** A program with the official Python SDK; the endpoint's URL is an environment variable of the SDK's. */
export const asPython = (origin, endpoint, request) =>
  [
    "import json",
    "import os",
    "",
    `os.environ.setdefault("RUNPOD_ENDPOINT_BASE_URL", ${JSON.stringify(`${origin}/v2`)})`,
    "import runpod",
    "",
    `endpoint = runpod.Endpoint(${JSON.stringify(endpoint || "YOUR_ENDPOINT_ID")}, api_key=os.environ["API_KEY"])`,
    // Escaped for JSON, which Python reads with its own escapes; a raw string cannot end in a backslash.
    `request = json.loads(${pythonString(JSON.stringify(request))})`,
    'print(endpoint.run_sync(request)["answer"])',
  ].join("\n");

const pythonString = (value) => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
