// Reading what somebody else wrote: never further than it may be long, and never believing that it is JSON.

const LONGEST_ANSWER = 256 * 1024; // bytes
const ANSWER_WITHIN = 5_000;

export const log = (text) => console.error(`daemun: ${text}`);
/** What to say of a failure: the system's word for it, where there is one. */
export const reason = (error) => error.cause?.code ?? error.message;
export const isText = (value) => typeof value === 'string';

/** Data of the stream that cannot be read (5). */
export class Unreadable extends Error {}

export function readJson(text) {
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    // It is still null.
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) throw new Unreadable('this is no JSON object');
  return value;
}

/** An answer, read no further than it may be long, and waited for no longer than is sane. */
export async function readAnswer(ask, path, options = {}) {
  const answer = await ask(path, { ...options, signal: AbortSignal.timeout(ANSWER_WITHIN) });
  const chunks = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    if (length > LONGEST_ANSWER) throw new Unreadable('an answer is too long');
    chunks.push(chunk);
  }
  return { status: answer.status, headers: answer.headers, body: Buffer.concat(chunks).toString() };
}
