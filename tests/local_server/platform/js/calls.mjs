// Every call of the official JavaScript client against one endpoint; a JSON line of what each gave.
// node calls.mjs BASE_URL KEY ENDPOINT QUESTION
import runpodSdk from "runpod-sdk";

const [baseUrl, key, id, question] = process.argv.slice(2);
console.log = console.error; // the client's own prints
const say = (call, result) => process.stdout.write(JSON.stringify({ call, result }) + "\n");
const endpoint = runpodSdk(key, { baseUrl }).endpoint(id);
const request = { input: { question } };

say("runSync", await endpoint.runSync(request));
const { id: job } = await endpoint.run(request);
say("statusSync", await endpoint.statusSync(job, 30000));
say("status", await endpoint.status(job));
const chunks = [];
for await (const chunk of endpoint.stream(job)) chunks.push(chunk);
say("stream", chunks);
const queued = await endpoint.run(request);
say("run", queued);
say("cancel", await endpoint.cancel(queued.id));
say("cancelled", await endpoint.status(queued.id));
say("health", await endpoint.health());
say("purgeQueue", await endpoint.purgeQueue());
try {
  await endpoint.status("nobody");
} catch (error) {
  say("unknown", { status: error.response?.status, body: error.response?.data });
}
