// The same question for a terminal, for the queue and for the official SDK. A key is never in it.

const KEY = "$API_KEY";
// What a shell takes literally.
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A request in the HTTP API. */
export const asCurl = (server, request, withKey) =>
  [
    `curl -s ${quoted(`${server}/v1/ask`)}`,
    ...(withKey ? [`-H "X-API-KEY: ${KEY}"`] : []),
    '-H "Content-Type: application/json"',
    `-d ${quoted(JSON.stringify(request))}`,
  ].join(" \\\n  ");

/** A job for the queue, and how to send it where this server has an endpoint. */
export const asJob = (server, endpoint, request, withKey) =>
  endpoint
    ? [
        `curl -s ${quoted(`${server}/v2/${endpoint}/runsync`)}`,
        ...(withKey ? [`-H "Authorization: Bearer ${KEY}"`] : []),
        '-H "Content-Type: application/json"',
        `-d ${quoted(JSON.stringify({ input: request }))}`,
      ].join(" \\\n  ")
    : JSON.stringify({ input: request }, null, 1);

/**
 * A program with the official Python SDK; the endpoint's URL is an environment variable of the SDK's. Where this server
 * has no endpoint, it calls the platform itself.
 */
export const asPython = (server, endpoint, request, withKey, ofEvents) =>
  [
    "import json",
    "import os",
    "",
    ...(endpoint ? [`os.environ.setdefault("RUNPOD_ENDPOINT_BASE_URL", ${JSON.stringify(`${server}/v2`)})`] : []),
    "import runpod",
    "",
    `endpoint = runpod.Endpoint(${JSON.stringify(endpoint || "YOUR_ENDPOINT_ID")}, api_key=${withKey || !endpoint ? 'os.environ["API_KEY"]' : '"none"'})`,
    // Escaped for JSON, which Python reads with its own escapes; a raw string cannot end in a backslash.
    `request = json.loads(${pythonString(JSON.stringify(request))})`,
    "output = endpoint.run_sync(request)",
    // A list of events ends with the answer.
    `print(output${ofEvents ? '[-1]["answer"]' : ""}["answer"])`,
  ].join("\n");

const pythonString = (value) => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
