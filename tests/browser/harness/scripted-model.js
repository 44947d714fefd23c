// A server that speaks OpenAI's chat completions and always gives the same answer, in pieces of a few characters.
import { createServer } from "node:http";

export async function scriptedModel(answer) {
  const requests = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    if (request.method !== "POST") return response.writeHead(200, { "content-type": "application/json" }).end('{"data":[]}');
    const asked = JSON.parse(body);
    requests.push(asked);
    const whole = { choices: [{ index: 0, message: { role: "assistant", content: answer }, finish_reason: "stop" }] };
    if (!asked.stream) return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(whole));
    response.writeHead(200, { "content-type": "text/event-stream" });
    const say = (chunk) => response.write(`data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", ...chunk })}\n\n`);
    for (const content of answer.match(/[^]{1,7}/g)) say({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
    say({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    say({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 } });
    response.end("data: [DONE]\n\n");
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { url: `http://127.0.0.1:${server.address().port}/v1`, requests, close: () => server.close() };
}
