// Checks daemun's access tokens where they are used: nobody is asked per request, and what was revoked is refused a few
// milliseconds later. No dependencies.
//
// Keys come from the issuer's JWKS, revocations from its stream; docs/revocation-stream.md says how that works, and the
// numbers in comments here are those of its list of what a verifier must get right.

import { createPublicKey, verify } from "node:crypto";

const SILENCE = 15_000; // ms without a whole event: the connection is dead (3)
const LONGEST_EVENT = 1_000_000; // characters (8)
const [FIRST_PAUSE, LONGEST_PAUSE] = [250, 30_000]; // ms between connections (4)
const KEYS_EVERY = 5_000; // ms between two looks for a key that is not known
const QUESTIONS = 32; // that may be open at once

/** A request that is answered here: status, a stable word, and headers (RFC 6750 section 3). */
export class Refused extends Error {
  constructor(status, error, retryAfter) {
    super(error);
    this.status = status;
    this.headers = {};
    if (status === 401) {
      const reason = error === "missing_token" ? "" : `, error="${error}"`;
      this.headers["WWW-Authenticate"] = `Bearer realm="api"${reason}`;
    }
    if (retryAfter !== undefined) this.headers["Retry-After"] = String(retryAfter);
  }
}

/** The stream is not what it should be. `forget` says that the cursor is worth nothing either. */
class Broken extends Error {
  constructor(why, forget = false) {
    super(why);
    this.forget = forget;
  }
}

const now = () => Date.now() / 1000;
const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));
const invalid = () => new Refused(401, "invalid_token");

/** Of two cut-offs the later holds, for as long as either must. */
const later = (old, made) =>
  !old || made.before >= old.before ? { ...made, until: Math.max(made.until, old?.until ?? 0) } : old;

/** A session id is a UUIDv7: its first 48 bits are the milliseconds at which the session began. */
const begunBy = (claims, before) =>
  claims.sid ? parseInt(claims.sid.slice(0, 12), 16) <= before : claims.iat <= Math.floor(before / 1000);

/** What is revoked, until when. A lookup is a few hash accesses, however much is in it. */
class Revoked {
  sessions = new Map();
  accounts = new Map();
  keys = new Map();
  everything = undefined;

  apply(entry) {
    const { until } = entry;
    if (typeof until !== "number") throw new Broken("an entry without an end");
    if ("session" in entry) this.sessions.set(entry.session, Math.max(until, this.sessions.get(entry.session) ?? 0));
    else if ("account" in entry) {
      const cut = { before: entry.before, until };
      this.accounts.set(String(entry.account), later(this.accounts.get(String(entry.account)), cut));
    } else if ("key" in entry) this.keys.set(entry.key, until);
    else if ("everything" in entry) this.everything = later(this.everything, { before: entry.before, until });
    else console.warn("passing over a kind of revocation that this program does not know: update it");
  }

  forget(time) {
    for (const [id, until] of this.sessions) if (until <= time) this.sessions.delete(id);
    for (const [id, cut] of this.accounts) if (cut.until <= time) this.accounts.delete(id);
    for (const [id, until] of this.keys) if (until <= time) this.keys.delete(id);
    if (this.everything && this.everything.until <= time) this.everything = undefined;
  }

  covers(kid, claims, time) {
    if (this.keys.get(kid) > time || this.sessions.get(claims.sid) > time) return true;
    const cuts = [this.everything, this.accounts.get(claims.sub)];
    return cuts.some((cut) => cut && cut.until > time && begunBy(claims, cut.before));
  }

  /** Takes in what another holds. */
  add(other) {
    for (const kind of ["sessions", "accounts", "keys"]) for (const [id, what] of other[kind]) this[kind].set(id, what);
    if (other.everything) this.everything = later(this.everything, other.everything);
  }
}

/** JSON in base64url, in its one spelling; `undefined` where it is none. */
function decoded(part) {
  const bytes = Buffer.from(part, "base64url");
  if (bytes.toString("base64url") !== part) return undefined;
  try {
    const value = JSON.parse(bytes.toString("utf8"));
    return value && typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * `url` is where daemun is reached, `issuer` what its tokens name (the same, unless something is in between). `policy`
 * says what a good token is worth while revocations cannot be heard for `staleAfter` ms: "allow" it until it expires,
 * "introspect" it, or "deny" it with 503.
 */
export class Verifier {
  constructor({ url, serviceKey, issuer, audience, name, policy = "deny", staleAfter = SILENCE }) {
    this.url = url.replace(/\/$/, "");
    this.issuer = issuer ?? this.url;
    Object.assign(this, { serviceKey, name, policy, staleAfter, audience: audience ?? this.issuer });
    this.keys = new Map();
    this.revoked = new Revoked();
    this.open = 0;
    this.ended = new AbortController();
  }

  start() {
    this.following = this.follow();
    return this;
  }

  stop() {
    this.ended.abort();
    return this.following;
  }

  // ---------------------------------------------------------------- tokens

  /** The claims of the token in an Authorization header; throws `Refused`. */
  async check(authorization = "") {
    const [, token] = /^bearer +(\S+) *$/i.exec(authorization) ?? [];
    if (!token) throw new Refused(401, "missing_token");
    const { kid, claims } = await this.verified(token);
    // At every request, also for a token that was seen before (7).
    const time = now();
    if (this.revoked.covers(kid, claims, time) || this.coming?.covers(kid, claims, time)) throw invalid();
    if (!this.isCurrent()) await this.whileStale(token);
    return claims;
  }

  async verified(token) {
    const [head, body, signature, ...more] = token.split(".");
    const header = decoded(head);
    const typ = String(header?.typ ?? "").toLowerCase().replace(/^application\//, "");
    // The algorithm belongs to the key; this only spares looking for one.
    const fits = header?.alg === "EdDSA" && typ === "at+jwt" && !("crit" in header) && signature && !more.length;
    if (!fits || typeof header.kid !== "string") throw invalid();
    const key = await this.key(header.kid);
    const bytes = Buffer.from(signature, "base64url");
    if (bytes.toString("base64url") !== signature) throw invalid();
    if (!verify(null, Buffer.from(`${head}.${body}`), key, bytes)) throw invalid();
    const claims = decoded(body);
    const audiences = [claims?.aud].flat();
    const isOurs = claims?.iss === this.issuer && audiences.includes(this.audience);
    const isNow = Number.isInteger(claims?.exp) && Number.isInteger(claims.iat) && claims.iat <= now() && now() < claims.exp;
    if (!isOurs || !isNow || typeof claims.sub !== "string" || typeof claims.sid !== "string") throw invalid();
    return { kid: header.kid, claims };
  }

  async key(kid) {
    if (!this.keys.has(kid)) {
      // One looks, the others wait for what it finds; and nobody looks again at once.
      const due = this.keysAsked === undefined || Date.now() - this.keysAsked > KEYS_EVERY;
      if (due) this.looking ??= this.fetchKeys().finally(() => (this.looking = undefined));
      await this.looking;
    }
    const key = this.keys.get(kid);
    if (key) return key;
    throw this.keys.size ? invalid() : new Refused(503, "unavailable", 1);
  }

  async fetchKeys() {
    this.keysAsked = Date.now();
    try {
      const answer = await fetch(`${this.url}/.well-known/jwks.json`, { signal: AbortSignal.timeout(5_000) });
      const { keys } = await answer.json();
      const ours = keys.filter((key) => key.kty === "OKP" && key.crv === "Ed25519");
      this.keys = new Map(ours.map((key) => [key.kid, createPublicKey({ key, format: "jwk" })]));
    } catch (error) {
      console.warn(`the keys cannot be fetched: ${error.name}`);
      this.keysAsked = undefined;
    }
  }

  /** Whether revocations were heard lately (6). */
  isCurrent() {
    return this.currentAt !== undefined && performance.now() - this.currentAt <= this.staleAfter;
  }

  async whileStale(token) {
    if (this.policy === "allow") return;
    if (this.policy === "introspect" && this.open < QUESTIONS) {
      const active = await this.ask(token);
      if (active === true) return;
      if (active === false) throw invalid();
    }
    // Never 401: every client would refresh at once.
    throw new Refused(503, "unavailable", 1);
  }

  async ask(token) {
    this.open += 1;
    try {
      const answer = await this.post("/v1/introspect", new URLSearchParams({ token }));
      return answer.status === 200 ? (await answer.json()).active : undefined;
    } catch {
      return undefined;
    } finally {
      this.open -= 1;
    }
  }

  post(path, body, headers = {}) {
    const signal = AbortSignal.timeout(5_000);
    return fetch(this.url + path, { method: "POST", body, signal, headers: { ...this.authorization(), ...headers } });
  }

  authorization() {
    return { Authorization: `Bearer ${this.serviceKey}` };
  }

  // ---------------------------------------------------------------- the stream

  async follow() {
    let pause = FIRST_PAUSE;
    let unreadableAt;
    while (!this.ended.signal.aborted) {
      let wait = 0;
      try {
        wait = await this.listen();
      } catch (error) {
        if (this.ended.signal.aborted) return;
        console.warn(`the stream of revocations: ${error instanceof Broken ? error.message : error.name}`);
        if (error instanceof Broken) {
          const place = `${this.epoch}.${this.cursor}`;
          if (error.forget || unreadableAt === place) this.cursor = undefined;
          unreadableAt = place;
        }
      }
      if (this.coming) {
        // A snapshot that broke off: what it said holds, and there is no place to go on from (2).
        this.revoked.add(this.coming);
        this.coming = this.cursor = undefined;
      }
      if (this.wasCurrent) pause = FIRST_PAUSE;
      await sleep(Math.max(wait, pause * (0.5 + Math.random() / 2)));
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  /** Follows one connection to its end. Returns how many ms to stay away. */
  async listen() {
    this.wasCurrent = false;
    const headers = { ...this.authorization(), Accept: "text/event-stream" };
    if (this.name) headers["Daemun-Verifier"] = this.name;
    if (this.cursor !== undefined) headers["Last-Event-ID"] = `${this.epoch}.${this.cursor}`;
    const hangUp = new AbortController();
    this.ended.signal.addEventListener("abort", () => hangUp.abort(), { once: true });
    let silence = setTimeout(() => hangUp.abort(), SILENCE);
    try {
      const answer = await fetch(`${this.url}/v1/revocations`, { headers, signal: hangUp.signal });
      if (answer.status !== 200) return 1000 * Number(answer.headers.get("Retry-After") ?? 1);
      for await (const event of eventsOf(answer.body)) {
        clearTimeout(silence);
        silence = setTimeout(() => hangUp.abort(), SILENCE);
        this.take(event);
      }
      return 0;
    } finally {
      clearTimeout(silence);
      hangUp.abort();
    }
  }

  take({ name, place, data }) {
    let content;
    try {
      content = JSON.parse(data);
    } catch {
      throw new Broken("an event that cannot be read");
    }
    if (name === "reset") {
      [this.epoch, this.cursor, this.coming] = [content.epoch, undefined, new Revoked()];
    } else if (name === "entries") {
      const seq = this.fitting(place);
      if (!Array.isArray(content.entries)) throw new Broken("entries without entries");
      for (const entry of content.entries) (this.coming ?? this.revoked).apply(entry);
      this.applied(seq);
    } else if (name === "ready") {
      const seq = this.fitting(place);
      // Only now is what the snapshot does not have over (1).
      if (this.coming) [this.revoked, this.coming] = [this.coming, undefined];
      this.wasCurrent = true;
      this.applied(seq);
    } else if (name === "heartbeat") {
      this.applied(this.fitting(place));
      this.revoked.forget(now());
    }
  }

  /** The number of a place in the log that is followed; anything else was not for us (5). */
  fitting(place = "") {
    const dot = place.lastIndexOf(".");
    const [epoch, seq] = [place.slice(0, dot), Number(place.slice(dot + 1))];
    if (epoch !== this.epoch || !Number.isSafeInteger(seq) || seq < (this.cursor ?? 0))
      throw new Broken("an event of another log, or from before", true);
    return seq;
  }

  applied(seq) {
    if (this.coming) return;
    this.cursor = seq;
    if (this.wasCurrent) this.currentAt = performance.now();
    this.acknowledge();
  }

  /** Says how far this verifier is, at most once a second; nothing depends on it. */
  acknowledge() {
    if (!this.name || this.saying) return;
    const body = JSON.stringify({ verifier: this.name, cursor: `${this.epoch}.${this.cursor}` });
    const said = this.post("/v1/revocations/ack", body, { "Content-Type": "application/json" }).catch(() => {});
    const cursor = this.cursor;
    this.saying = Promise.all([said, sleep(1000)]).then(() => {
      this.saying = undefined;
      if (this.cursor !== cursor && this.cursor !== undefined && !this.ended.signal.aborted) this.acknowledge();
    });
  }
}

/** The events in a body of server-sent events. */
async function* eventsOf(body) {
  const decoder = new TextDecoder();
  let buffer = "";
  for await (const chunk of body) {
    buffer += decoder.decode(chunk, { stream: true });
    for (let end; (end = buffer.indexOf("\n\n")) >= 0; buffer = buffer.slice(end + 2)) {
      const event = { name: "message", place: undefined, data: undefined };
      for (const line of buffer.slice(0, end).split("\n")) {
        const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
        if (field === "event") event.name = value;
        else if (field === "id") event.place = value;
        else if (field === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
      }
      if (event.data !== undefined) yield event;
    }
    if (buffer.length > LONGEST_EVENT) throw new Broken("an event without an end");
  }
}
