"""The public keys that sign access tokens, fetched from daemun."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time

import httpx
import jwt

from .reading import Unreadable, read_answer, read_json
from .refused import invalid, unavailable

log = logging.getLogger("daemun")

ANSWER_WITHIN = 5.0  # seconds, as are all times here
FIRST_WAIT, LONGEST_WAIT = 0.25, 30.0
REFETCH_GAP = 10.0  # unknown keys cause one fetch in this time
KEYS_GOOD_FOR = 86_400.0  # keys that could not be fetched again for so long are not believed


class Keys:
    """The public keys of the moment."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._refetched_at = -float("inf")
        self._failed = True  # the last fetch, or there was none
        self._fetching = asyncio.Lock()
        self.ready = asyncio.Event()

    async def find(self, kid: str) -> jwt.PyJWK:
        if kid not in self._keys:
            async with self._fetching:  # who waited here finds what the first one fetched
                if kid not in self._keys and time.monotonic() - self._refetched_at > REFETCH_GAP:
                    self._refetched_at = time.monotonic()
                    await self._fetch()
        if self._failed and kid not in self._keys or time.monotonic() - self._fetched_at > KEYS_GOOD_FOR:
            raise unavailable()
        if kid not in self._keys:
            raise invalid()
        return self._keys[kid]

    async def refresh(self) -> None:
        wait = FIRST_WAIT
        while True:
            async with self._fetching:
                fresh_for = await self._fetch()
            await asyncio.sleep(fresh_for or wait * random.uniform(0.5, 1))
            wait = FIRST_WAIT if fresh_for else min(wait * 2, LONGEST_WAIT)

    async def _fetch(self) -> float | None:
        """How long the keys are fresh; None where there are no new ones."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                status, headers, body = await read_answer(self._client, "GET", "/.well-known/jwks.json")
            listed = read_json(body).get("keys") if status == 200 else None
            keys = dict(key for key in map(usable, listed or []) if key)
        except (httpx.HTTPError, TimeoutError, Unreadable, TypeError) as error:
            log.warning("keys were not fetched: %r", error)
            keys = {}
        self._failed = not keys
        if self._failed:
            return None
        self._keys, self._fetched_at = keys, time.monotonic()
        self.ready.set()
        age = re.search(r"max-age=([0-9]{1,9})", headers.get("cache-control", ""))
        return min(max(float(age[1]) if age else 300.0, 30.0), 3600.0)


def usable(jwk: object) -> tuple[str, jwt.PyJWK] | None:
    """An Ed25519 key by its name; None for what is of no use here."""
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str):
        return None
    if (jwk.get("kty"), jwk.get("crv"), jwk.get("use", "sig")) != ("OKP", "Ed25519", "sig") or "d" in jwk:
        return None
    try:
        return jwk["kid"], jwt.PyJWK(jwk, algorithm="EdDSA")
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
