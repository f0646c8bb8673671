// The public keys that sign access tokens, fetched from daemun.

import { createPublicKey } from 'node:crypto';
import { Unreadable, isText, log, readAnswer, readJson, reason } from './reading.mjs';
import { invalid, unavailable } from './refused.mjs';
import { FIRST_WAIT, next, pause, scattered } from './waiting.mjs';

const REFETCH_GAP = 10_000; // unknown keys cause one fetch in this time
const KEYS_GOOD_FOR = 86_400_000; // keys that could not be fetched again for so long are not believed

/** The public keys of the moment, by their names. */
export class Keys {
  #ask;
  #keys = new Map();
  #fetchedAt = -Infinity;
  #refetchedAt = -Infinity;
  #failed = true; // the last fetch, or there was none
  #fetching = null;
  #becomeReady;
  ready = new Promise((resolve) => (this.#becomeReady = resolve));

  constructor(ask) {
    this.#ask = ask;
  }

  async find(kid) {
    if (!this.#keys.has(kid)) {
      if (!this.#fetching && performance.now() - this.#refetchedAt > REFETCH_GAP) {
        this.#refetchedAt = performance.now();
        this.#fetch();
      }
      await this.#fetching;
    }
    const known = this.#keys.get(kid);
    if ((!known && this.#failed) || performance.now() - this.#fetchedAt > KEYS_GOOD_FOR) throw unavailable();
    if (!known) throw invalid();
    return known;
  }

  async refresh() {
    let wait = FIRST_WAIT;
    for (;;) {
      const freshFor = await this.#fetch();
      await pause(freshFor ?? scattered(wait));
      wait = freshFor ? FIRST_WAIT : next(wait);
    }
  }

  /** One fetch at a time, which all who ask wait for. Gives how long the keys are fresh; null if it brought none. */
  #fetch() {
    this.#fetching ??= this.#fetched().finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  async #fetched() {
    try {
      const { status, headers, body } = await readAnswer(this.#ask, '/.well-known/jwks.json');
      const { keys: listed } = status === 200 ? readJson(body) : {};
      const keys = new Map((Array.isArray(listed) ? listed : []).flatMap(usable));
      if (keys.size === 0) throw new Unreadable(`no usable key in an answer of status ${status}`);
      this.#keys = keys;
      this.#fetchedAt = performance.now();
      this.#failed = false;
      this.#becomeReady();
      const age = /max-age=([0-9]{1,9})/.exec(headers.get('cache-control') ?? '')?.[1] ?? 300;
      return Math.min(Math.max(Number(age), 30), 3_600) * 1_000;
    } catch (error) {
      log(`keys were not fetched: ${reason(error)}`);
      this.#failed = true;
      return null;
    }
  }
}

/** An Ed25519 key with its name; nothing for what is of no use here. */
function usable(jwk) {
  const { kid, kty, crv, x, use = 'sig' } = jwk ?? {};
  if (!isText(kid) || kty !== 'OKP' || crv !== 'Ed25519' || use !== 'sig') return [];
  try {
    return [[kid, createPublicKey({ key: { kty, crv, x }, format: 'jwk' })]];
  } catch {
    return [];
  }
}
