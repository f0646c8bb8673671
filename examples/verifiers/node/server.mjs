// A resource server in front of which `verifier.mjs` stands: `GET /me` says who asks.

import { createServer } from "node:http";

import { Refused, Verifier } from "./verifier.mjs";

const { DAEMUN_URL, DAEMUN_SERVICE_KEY, ISSUER, VERIFIER_NAME, POLICY, STALE_AFTER, PORT } = process.env;

const verifier = new Verifier({
  url: DAEMUN_URL,
  serviceKey: DAEMUN_SERVICE_KEY,
  issuer: ISSUER,
  name: VERIFIER_NAME ?? "node-example",
  policy: POLICY,
  staleAfter: STALE_AFTER && STALE_AFTER * 1000,
}).start();

async function answer(request) {
  if (request.url === "/health") return { current: verifier.isCurrent() };
  const claims = await verifier.check(request.headers.authorization);
  return { account: claims.sub, session: claims.sid };
}

createServer(async (request, response) => {
  let [status, headers, body] = [200, {}, undefined];
  try {
    body = await answer(request);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    [status, headers, body] = [error.status, error.headers, { error: error.message }];
  }
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
}).listen(Number(PORT ?? 8002), "127.0.0.1");
