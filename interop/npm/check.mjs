// The `openai` package of npm against the gateway, on its own paths. `check.mjs BASE_URL KEY MODEL MOCK`.
// Prints one line for each check; the exit code is 0 only if all held.
import OpenAI from "openai";

const [baseURL, apiKey, model, mock] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${baseURL.replace(/\/$/, "")}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });
let held = 0;
let failed = 0;
function that(holds, what, detail = "") {
  if (holds) held += 1; else failed += 1;
  console.log(`${holds ? "ok  " : "FAIL"} openai npm: ${what}${detail ? ` (${detail})` : ""}`);
}
async function refused(status, what, ask) {
  try {
    await ask();
    that(false, what, "it was accepted");
  } catch (error) {
    that(error.status === status, what, `${error.constructor.name} ${error.status}`);
  }
}

const messages = [{ role: "user", content: "vingt et un" }];
const plain = { model, messages, temperature: 0, max_tokens: 16 };
const tools = [{ type: "function", function: { name: "weather", parameters: {
  type: "object", properties: { city: { type: "string" } } } } }];

const ids = [];
for await (const card of client.models.list()) ids.push(card.id);
that(ids.includes(model) && ids.includes(mock), "models.list names both", ids.join(" "));
const whole = await client.chat.completions.create(plain);
that(Boolean(whole.choices[0].message.content), "chat.completions.create answers", whole.choices[0].message.content);
let text = "";
let usage;
for await (const chunk of await client.chat.completions.create({
  ...plain, stream: true, stream_options: { include_usage: true } })) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
that(text === whole.choices[0].message.content, "the stream says the same", text);
that(usage?.total_tokens === whole.usage.total_tokens, "and the same usage");

const runner = client.chat.completions.runTools({ model: mock, messages, tools: [{ type: "function", function: {
  name: "weather", parse: JSON.parse, function: ({ city }) => `rain in ${city}`, description: "The weather.",
  parameters: tools[0].function.parameters } }] });
that((await runner.finalContent()) === "mock: rain in mock", "runTools calls a function and gives its result back");
const stream = client.chat.completions.stream({ model: mock, messages, tools });
const call = (await stream.finalChatCompletion()).choices[0].message.tool_calls[0];
that(call.function.arguments === '{"city":"mock"}', "the same call, streamed", call.function.arguments);
const form = await client.chat.completions.create({ model: mock, messages, response_format: {
  type: "json_schema", json_schema: { name: "place", schema: {
    type: "object", properties: { people: { type: "integer" } } } } } });
that(form.choices[0].message.content === '{"people":1}', "a form is filled", form.choices[0].message.content);

const response = await client.responses.create({ model, input: "vingt et un", temperature: 0, max_output_tokens: 16 });
that(response.output_text === text, "responses.create says the same");
let said = "";
const kinds = new Set();
for await (const event of await client.responses.create({
  model, input: "vingt et un", temperature: 0, max_output_tokens: 16, stream: true })) {
  kinds.add(event.type);
  if (event.type === "response.output_text.delta") said += event.delta;
}
that(said === text && kinds.has("response.completed"), "and streams it", [...kinds].length);
const vectors = await client.embeddings.create({ model, input: ["vingt", "vingt"] });
that(vectors.data[0].embedding.length > 1, "embeddings.create gives vectors",
  vectors.data[0].embedding.length);

await refused(404, "an unknown model", () => client.chat.completions.create({ ...plain, model: "none" }));
await refused(400, "store is refused", () => client.responses.create({ model, input: "a", store: true }));
await refused(401, "a wrong key", () => client.withOptions({ apiKey: "wrong" }).models.list());
console.log(`openai npm: ${held} held, ${failed} failed`);
process.exit(held > 0 && failed === 0 ? 0 : 1);
