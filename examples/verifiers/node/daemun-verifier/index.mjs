/**
 * Checks daemun's access tokens where they are used, without asking daemun about each.
 *
 * `keys` fetches the public keys that sign tokens, `feed` follows the stream of revocations, and `verifier` says of a
 * token who it is from, or why it is refused. Written from docs/revocation-stream.md; numbers in brackets are those of
 * its "What a verifier must get right". Times are in milliseconds unless they say otherwise.
 */

export { Refused } from './refused.mjs';
export { settingsFromEnvironment } from './settings.mjs';
export { Verifier } from './verifier.mjs';
