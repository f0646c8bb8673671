"""What a verifier is told by whoever runs it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    issuer: str  # the `iss` of tokens
    service_key: str = field(repr=False)
    url: str = ""  # where daemun is reached, if not at the issuer
    audience: str = ""  # the `aud` of tokens, if not the issuer
    contract: str = "native"  # the `ctr` of tokens: which of daemun's APIs they were given out by
    name: str = ""  # under which an operator sees this verifier
    when_stale: str = "deny"  # or "allow", or "introspect"
    max_staleness: float = 30.0
    silence: float = 15.0

    @classmethod
    def from_environment(cls) -> Settings:
        env = os.environ
        if not env.get("DAEMUN_SERVICE_KEY"):
            raise SystemExit(
                "DAEMUN_SERVICE_KEY is not set: daemun service-key create --name notes --scope revocations"
            )
        when_stale = env.get("DAEMUN_WHEN_STALE", "deny")
        if when_stale not in ("allow", "introspect", "deny"):
            raise SystemExit("DAEMUN_WHEN_STALE must be allow, introspect or deny")
        return cls(
            issuer=env.get("DAEMUN_ISSUER", "http://127.0.0.1:8080"),
            service_key=env["DAEMUN_SERVICE_KEY"].strip(),
            url=env.get("DAEMUN_URL", ""),
            audience=env.get("DAEMUN_AUDIENCE", ""),
            contract=env.get("DAEMUN_CONTRACT", "native"),
            name=env.get("DAEMUN_VERIFIER_NAME", ""),
            when_stale=when_stale,
            max_staleness=float(env.get("DAEMUN_MAX_STALENESS", "30")),
            silence=float(env.get("DAEMUN_SILENCE", "15")),
        )
