// A resource server with one route that only signed-in users reach.

import { createServer } from 'node:http';
import { Refused, Verifier, settingsFromEnvironment } from './daemun-verifier/index.mjs';

const verifier = new Verifier(settingsFromEnvironment());

const routes = {
  'GET /me': async (request) => {
    const { account, session } = await verifier.checkHeader(request.headersDistinct.authorization);
    return { account, session };
  },
  // How long ago all revocations were known, in seconds; null if they never were.
  'GET /health': async () => ({ staleness: verifier.staleness === null ? null : verifier.staleness / 1_000 }),
};

async function answer(request) {
  const route = routes[`${request.method} ${request.url.split('?')[0]}`];
  if (!route) return { status: 404, headers: {}, body: { detail: 'There is nothing here.' } };
  try {
    return { status: 200, headers: {}, body: await route(request) };
  } catch (error) {
    if (error instanceof Refused) return error;
    console.error(error);
    return { status: 500, headers: {}, body: { detail: 'Something went wrong.' } };
  }
}

await verifier.start();
const server = createServer(async (request, response) => {
  const { status, headers, body } = await answer(request);
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
});
server.listen(Number(process.env.PORT ?? 8002), '127.0.0.1', () => {
  console.error(`serving http://127.0.0.1:${server.address().port}`);
});
