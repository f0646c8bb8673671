// The stream of revocations without a connection: bytes become events, and events a set of revocations.

import { Unreadable, isText, readJson } from './reading.mjs';
import { Revocations, readEntry } from './revocations.mjs';

const LONGEST_EVENT = 1024 * 1024; // bytes; a thousand entries are a tenth of that (8)
const BYTE_ORDER_MARK = /^\xef\xbb\xbf/;

/** An event that does not stand where it should in the log (5). */
export class Misplaced extends Error {}

/** Cuts server-sent events out of bytes, however these arrive. */
export class EventReader {
  /** Bytes, one in each character: a line is whole before it is taken for text. */
  #pending = '';
  #isFirst = true;
  #building = { name: '', id: null, data: [], size: 0 };

  /** The events that are whole now. */
  *push(chunk) {
    // What follows a CR decides whether it was the whole end of the line.
    const lines = (this.#pending + Buffer.from(chunk).toString('latin1')).split(/\n|\r\n|\r(?=[^\n])/);
    this.#pending = lines.pop();
    for (let line of lines) {
      if (this.#isFirst) line = line.replace(BYTE_ORDER_MARK, '');
      this.#isFirst = false;
      if (line !== '') {
        this.#field(line);
        continue;
      }
      const { name, id, data } = this.#building;
      this.#building = { name: '', id: null, data: [], size: 0 };
      if (data.length > 0) yield { name, id, data: data.join('\n') };
    }
    if (this.#pending.length > LONGEST_EVENT) throw new Unreadable('an event is too long');
  }

  #field(line) {
    const building = this.#building;
    building.size += line.length;
    if (building.size > LONGEST_EVENT) throw new Unreadable('an event is too long');
    const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(text(line));
    if (name === 'event') building.name = value;
    else if (name === 'id') building.id = value;
    else if (name === 'data') building.data.push(value);
  }
}

function text(line) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(line, 'latin1'));
  } catch {
    throw new Unreadable('an event is no text');
  }
}

/** What events mean: takes one after another, from connection to connection. */
export class Follower {
  revocations = new Revocations();
  /** Of the last event that was applied, as `{ epoch, seq }`; null while there is none (2). */
  cursor = null;
  #snapshot = null;
  #epoch = '';
  #isLive = false;

  connected() {
    this.#snapshot = null;
    this.#isLive = false;
  }

  /** Returns `current` where all is known up to now, `applied` where there is something to acknowledge too. */
  take({ name, id, data }) {
    if (name === 'reset') return this.#reset(data);
    if (name === 'entries') return this.#entries(id, data);
    if (name === 'ready') return this.#ready(id);
    if (name !== 'heartbeat' || !this.#isLive) return null;
    this.cursor = this.#place(id);
    return 'current';
  }

  /** What was known stays in force until the snapshot is complete (1), also if this is the second attempt. */
  #reset(data) {
    const { epoch } = readJson(data);
    if (!isText(epoch)) throw new Unreadable('a reset names no epoch');
    this.#snapshot = new Revocations();
    this.#epoch = epoch;
    this.cursor = null;
    this.#isLive = false;
    return null;
  }

  #entries(id, data) {
    const place = this.#place(id);
    const { entries: listed } = readJson(data);
    if (!Array.isArray(listed)) throw new Unreadable('there is no list of entries');
    const entries = listed.map(readEntry).filter(Boolean); // all are read before one is applied
    this.revocations.apply(entries);
    if (this.#snapshot) {
      this.#snapshot.apply(entries);
      return null;
    }
    this.cursor = place;
    return this.#isLive ? 'applied' : null;
  }

  #ready(id) {
    this.cursor = this.#place(id);
    this.revocations = this.#snapshot ?? this.revocations;
    this.#snapshot = null;
    this.#isLive = true;
    return 'applied';
  }

  #place(id) {
    const [, epoch, digits] = /^([\x21-\x7e]+)\.([0-9]{1,15})$/.exec(id ?? '') ?? [];
    if (epoch === undefined) throw new Misplaced('an event has no place in the log');
    if (!this.cursor && !this.#snapshot) throw new Misplaced('what should follow a reset came without one');
    const known = this.cursor ?? { epoch: this.#epoch, seq: 0 };
    const seq = Number(digits);
    if (epoch !== known.epoch || seq < known.seq) throw new Misplaced('an event is of another epoch, or goes back');
    return { epoch, seq };
  }
}

export const written = (cursor) => cursor && `${cursor.epoch}.${cursor.seq}`;
