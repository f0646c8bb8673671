// Requests that are not served: the answer to each, with its challenge (RFC 6750).

/** Why a request is not served, as it is told: a status, headers, and problem details (RFC 9457). */
export class Refused extends Error {
  constructor(status, code, detail, headers) {
    super(code);
    this.status = status;
    this.headers = { 'Cache-Control': 'no-store', 'Content-Type': 'application/problem+json', ...headers };
    this.body = { type: `urn:daemun:problem:${code}`, status, code, detail };
  }
}

/** RFC 6750 §3: no error where there was no token. */
export const unauthorized = (code, detail, error = 'invalid_token') =>
  new Refused(401, code, detail, { 'WWW-Authenticate': error ? `Bearer error="${error}"` : 'Bearer' });
export const invalid = () => unauthorized('invalid_token', 'The token is not valid.');
export const ended = () => unauthorized('session_ended', 'This session was ended. Sign in again.');
/** Never 401: every client would refresh, and every user log in, at once (6). */
export const unavailable = () => new Refused(503, 'unavailable', 'Try again in a moment.', { 'Retry-After': '5' });
