// Serves the built page as crates/web does, for the tests that bring their own far end.
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const dist = fileURLToPath(new URL("../../../crates/web/dist/", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain" };

// The same policy that crates/web/src/lib.rs sends, read from there so that the two cannot drift apart.
const source = readFileSync(new URL("../../../crates/web/src/lib.rs", import.meta.url), "utf8");
const policy = source.match(/CONTENT_SECURITY_POLICY: &str = "([^"]+)"/s)?.[1].replace(/\\\n\s*/g, "");

export function pageIsBuilt() {
  return existsSync(join(dist, "index.html"));
}

export async function servePage() {
  if (!policy) throw new Error("crates/web/src/lib.rs no longer states CONTENT_SECURITY_POLICY");
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, "http://x").pathname).replace(/\/$/, "/index.html");
    const file = join(dist, path);
    if (!file.startsWith(dist) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-security-policy": policy });
    response.end(readFileSync(file));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
