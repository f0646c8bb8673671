// Following the stream of revocations: connects, comes back after a break, says how far it is and how stale.

import { Unreadable, log, readAnswer, reason } from './reading.mjs';
import { EventReader, Follower, Misplaced, written } from './stream.mjs';
import { FIRST_WAIT, next, pause, scattered } from './waiting.mjs';

const LONGEST_RETRY_AFTER = 300; // seconds; what asks for more is wrong

/** Keeps a `Follower` connected, and knows how stale it is. */
export class Feed {
  #ask;
  #settings;
  #follower = new Follower();
  #currentAt = null;
  #isToAcknowledge = false;
  #becomeReady;
  ready = new Promise((resolve) => (this.#becomeReady = resolve));

  constructor(ask, settings) {
    this.#ask = ask;
    this.#settings = settings;
  }

  get revocations() {
    return this.#follower.revocations;
  }

  /** How long ago all was known; null before it first was (6). */
  get staleness() {
    return this.#currentAt === null ? null : performance.now() - this.#currentAt;
  }

  start() {
    this.#follow();
    if (this.#settings.name) this.#acknowledge();
    setInterval(() => this.revocations.forget(Date.now() / 1_000), 30_000).unref();
  }

  async #follow() {
    let wait = FIRST_WAIT;
    let faultAt;
    for (;;) {
      const before = this.#currentAt;
      let retryAfter = 0;
      try {
        retryAfter = await this.#listen();
      } catch (error) {
        log(`revocations: ${reason(error)}`);
        const place = written(this.#follower.cursor);
        const again = error instanceof Unreadable && place === faultAt;
        if (error instanceof Misplaced || again) this.#follower.cursor = null;
        if (error instanceof Unreadable) faultAt = written(this.#follower.cursor);
      }
      if (this.#currentAt !== before) wait = FIRST_WAIT;
      await pause(Math.max(retryAfter * 1_000, scattered(wait)));
      wait = next(wait);
    }
  }

  /** Listens until the stream is over; returns how many seconds daemun wants to be left alone. */
  async #listen() {
    const { name, silence } = this.#settings;
    const { cursor } = this.#follower;
    const headers = { Accept: 'text/event-stream', 'Accept-Encoding': 'identity' };
    if (name) headers['Daemun-Verifier'] = name;
    if (cursor) headers['Last-Event-ID'] = written(cursor);
    const hangUp = new AbortController();
    const deadline = setTimeout(() => hangUp.abort(new Error('nothing was heard for too long')), silence);
    try {
      const answer = await this.#ask('/v1/revocations', { headers, signal: hangUp.signal });
      const kind = (answer.headers.get('content-type') ?? '').split(';')[0].trim();
      if (answer.status !== 200 || kind !== 'text/event-stream') {
        const hint = [401, 403].includes(answer.status) ? '; is the service key of scope `revocations`?' : '';
        log(`revocations: daemun answered ${answer.status} ${kind}${hint}`);
        return seconds(answer.headers.get('retry-after') ?? '');
      }
      this.#follower.connected();
      const reader = new EventReader();
      for await (const chunk of answer.body) {
        for (const event of reader.push(chunk)) {
          deadline.refresh(); // only whole events count (3)
          this.#heard(this.#follower.take(event));
        }
      }
      throw new Error('the stream ended');
    } finally {
      clearTimeout(deadline);
      hangUp.abort();
    }
  }

  #heard(news) {
    if (!news) return;
    this.#currentAt = performance.now();
    this.#becomeReady();
    if (news === 'applied') this.#isToAcknowledge = true;
  }

  /** Once a second at most. Whether it succeeds changes nothing here. */
  async #acknowledge() {
    for (;;) {
      await pause(1_000);
      const cursor = written(this.#follower.cursor);
      if (!this.#isToAcknowledge || !cursor) continue;
      this.#isToAcknowledge = false;
      const body = JSON.stringify({ verifier: this.#settings.name, cursor });
      const headers = { 'Content-Type': 'application/json' };
      await readAnswer(this.#ask, '/v1/revocations/ack', { method: 'POST', headers, body }).catch(() => {});
    }
  }
}

const seconds = (text) => (/^[0-9]{1,9}$/.test(text) ? Math.min(Number(text), LONGEST_RETRY_AFTER) : 0);
