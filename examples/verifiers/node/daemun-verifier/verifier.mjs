// The check of a token, from the header of a request to who it is from.

import { verify } from 'node:crypto';
import { Feed } from './feed.mjs';
import { Keys } from './keys.mjs';
import { isText, readAnswer, readJson } from './reading.mjs';
import { ended, invalid, unauthorized, unavailable } from './refused.mjs';
import { isSession } from './revocations.mjs';

const LONGEST_TOKEN = 8 * 1024; // bytes
const START_WITHIN = 1_000;
const OPEN_QUESTIONS = 64; // to daemun, about single tokens; what is more is refused rather than queued

/** Says who a request is from. */
export class Verifier {
  #settings;
  #keys;
  #feed;
  #asService;
  #openQuestions = 0;

  /** Settings: see `settingsFromEnvironment`. */
  constructor(settings) {
    const base = (settings.url || settings.issuer).replace(/\/+$/, '');
    const ask = (path, options) => fetch(base + path, { redirect: 'error', ...options });
    const authorization = { Authorization: `Bearer ${settings.serviceKey}` };
    this.#asService = (path, options) => ask(path, { ...options, headers: { ...options.headers, ...authorization } });
    this.#settings = settings;
    this.#keys = new Keys(ask);
    this.#feed = new Feed(this.#asService, settings);
  }

  /** Begins to listen, and waits a while until all is known. Without that it answers 503 meanwhile. */
  async start() {
    this.#keys.refresh();
    this.#feed.start();
    const patience = new Promise((resolve) => setTimeout(resolve, START_WITHIN));
    await Promise.race([Promise.all([this.#keys.ready, this.#feed.ready]), patience]);
  }

  /** How long ago all revocations were known; null if they never were. */
  get staleness() {
    return this.#feed.staleness;
  }

  /** Checks the token in a request's `Authorization` headers; throws `Refused`. */
  async checkHeader(authorization = []) {
    if (authorization.length === 0) throw unauthorized('missing_token', 'The request brings no token.', null);
    const [, token] = /^bearer +(\S+) *$/i.exec(authorization[0]) ?? [];
    if (authorization.length > 1 || token === undefined) {
      const detail = 'The Authorization header must be `Bearer` and a token.';
      throw unauthorized('bad_authorization_header', detail, 'invalid_request');
    }
    return this.check(token);
  }

  /** Gives `{ account, session, issuedAt, claims }`, or throws `Refused`. */
  async check(token) {
    const principal = await this.#genuine(token);
    // At every request, and before staleness: what is known to be revoked is so however stale we are (7).
    if (this.#feed.revocations.concern(principal)) throw ended();
    const { maxStaleness, whenStale } = this.#settings;
    if (this.staleness === null || this.staleness > maxStaleness) {
      if (whenStale === 'deny') throw unavailable();
      if (whenStale === 'introspect') await this.#askAbout(token);
    }
    return principal;
  }

  async #genuine(token) {
    const { kid, signed, signature, claims } = parsed(token);
    if (this.#feed.revocations.hasKey(kid)) throw invalid();
    const key = await this.#keys.find(kid);
    // The key is of Ed25519 and nothing else: what the header says of the algorithm decides nothing.
    if (!verify(null, Buffer.from(signed), key, signature)) throw invalid();
    const { iss, aud, ctr, exp, iat, sub, nbf = 0, sid = null } = claims;
    const { issuer, audience = issuer, contract } = this.#settings;
    const now = Date.now() / 1_000;
    if (iss !== issuer || ![aud].flat().includes(audience)) throw invalid();
    if (ctr !== contract) throw invalid(); // another API's tokens are signed by the same key
    if (![exp, iat, nbf].every(Number.isFinite) || iat > now || nbf > now) throw invalid();
    if (exp <= now) throw unauthorized('token_expired', 'The token has expired.');
    if (!isText(sub) || !/^[0-9]{1,19}$/.test(sub) || !(sid === null || isSession(sid))) throw invalid();
    return { account: Number(sub), session: sid && sid.toLowerCase(), issuedAt: iat, claims };
  }

  /** Asks daemun about one token (RFC 7662). What is no clear yes or no is 503. */
  async #askAbout(token) {
    if (this.#openQuestions >= OPEN_QUESTIONS) throw unavailable();
    this.#openQuestions += 1;
    let active;
    try {
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      const question = { method: 'POST', headers, body: `token=${token}` };
      const { status, body } = await readAnswer(this.#asService, '/v1/introspect', question);
      active = status === 200 ? readJson(body).active : undefined;
    } catch {
      // Nobody can tell.
    } finally {
      this.#openQuestions -= 1;
    }
    if (active === false) throw ended();
    if (active !== true) throw unavailable();
  }
}

/** What may be one of daemun's access tokens, unverified; whatever else it is causes no fetch and no question. */
function parsed(token) {
  const parts = token.split('.');
  if (token.length > LONGEST_TOKEN || parts.length !== 3) throw invalid();
  const bytes = parts.map((part) => Buffer.from(part, 'base64url'));
  // There is one spelling; Node's decoder takes others too.
  if (!bytes.every((some, nth) => some.toString('base64url') === parts[nth])) throw invalid();
  let header, claims;
  try {
    [header, claims] = bytes.slice(0, 2).map((some) => readJson(some.toString()));
  } catch {
    throw invalid();
  }
  const { alg, typ, kid } = header;
  const isAccess = isText(typ) && /^(application\/)?at\+jwt$/i.test(typ);
  if (alg !== 'EdDSA' || !isAccess || 'crit' in header || 'b64' in header) throw invalid();
  if (!isText(kid) || kid.length > 256) throw invalid();
  return { kid, claims, signed: `${parts[0]}.${parts[1]}`, signature: bytes[2] };
}
