// The revocations in force, and which tokens they concern.

import { Unreadable, isText, log } from './reading.mjs';

const KINDS = ['session', 'account', 'key', 'everything'];

export const isSession = (value) => isText(value) && /^[0-9a-f]{32}$/i.test(value);
/** Numbers beyond 2^53 lose their last digits, here and in tokens alike: then a neighbour is revoked too. */
const isWhole = (value) => Number.isInteger(value);

/** An entry as `{ kind, what, before, until }`; null if its kind is not known. */
export function readEntry(entry) {
  if (typeof entry !== 'object' || entry === null) throw new Unreadable('an entry is no object');
  const kinds = KINDS.filter((kind) => entry[kind] !== undefined && entry[kind] !== null);
  if (kinds.length === 0) {
    log(`a kind of revocation that is not known here: ${JSON.stringify(Object.keys(entry).slice(0, 8))}`);
    return null;
  }
  const [kind] = kinds;
  const { [kind]: what, before, until } = entry;
  const fits = {
    session: () => isSession(what),
    account: () => isWhole(what) && isWhole(before),
    key: () => isText(what),
    everything: () => what === true && isWhole(before),
  };
  if (kinds.length > 1 || !fits[kind]() || !isWhole(until)) throw new Unreadable('an entry is not as it should be');
  return { kind, what: kind === 'session' ? what.toLowerCase() : what, before, until };
}

/** What was revoked and concerns tokens that still live: bounded by the lifetime of access tokens. */
export class Revocations {
  #held = { session: new Map(), account: new Map(), key: new Map(), everything: new Map() };

  apply(entries) {
    for (const { kind, what, before, until } of entries) {
      const known = this.#held[kind].get(what) ?? { before, until };
      const later = { before: Math.max(before, known.before), until: Math.max(until, known.until) };
      this.#held[kind].set(what, later);
    }
  }

  hasKey(kid) {
    return this.#held.key.has(kid);
  }

  concern(principal) {
    if (this.#held.session.has(principal.session)) return true;
    const cutOffs = [this.#held.account.get(principal.account), this.#held.everything.get(true)];
    return cutOffs.some((cutOff) => cutOff && beganBy(principal, cutOff.before));
  }

  forget(now) {
    for (const held of Object.values(this.#held)) {
      for (const [what, { until }] of held) if (until <= now) held.delete(what);
    }
  }
}

/** Whether the session began at or before that millisecond: a UUIDv7 begins with its time. */
function beganBy({ session, issuedAt }, before) {
  if (session === null) return issuedAt <= Math.floor(before / 1_000);
  return Number.parseInt(session.slice(0, 12), 16) <= before;
}
