/** What whoever runs this says. */
export function settingsFromEnvironment(env = process.env) {
  if (!env.DAEMUN_SERVICE_KEY) {
    throw new Error('DAEMUN_SERVICE_KEY is not set: daemun service-key create --name notes --scope revocations');
  }
  const whenStale = env.DAEMUN_WHEN_STALE || 'deny';
  if (!['allow', 'introspect', 'deny'].includes(whenStale)) {
    throw new Error('DAEMUN_WHEN_STALE must be allow, introspect or deny');
  }
  return {
    issuer: env.DAEMUN_ISSUER || 'http://127.0.0.1:8080',
    serviceKey: env.DAEMUN_SERVICE_KEY.trim(),
    url: env.DAEMUN_URL, // where daemun is reached, if not at the issuer
    audience: env.DAEMUN_AUDIENCE || undefined, // the `aud` of tokens, if not the issuer
    contract: env.DAEMUN_CONTRACT || 'native', // the `ctr` of tokens: which of daemun's APIs they were given out by
    name: env.DAEMUN_VERIFIER_NAME, // under which an operator sees this verifier
    whenStale,
    maxStaleness: Number(env.DAEMUN_MAX_STALENESS || 30) * 1_000,
    silence: Number(env.DAEMUN_SILENCE || 15) * 1_000,
  };
}
