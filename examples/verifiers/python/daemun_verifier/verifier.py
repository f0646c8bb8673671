"""The check of a token, from the header of a request to who it is from."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re

import httpx
import jwt

from .feed import Feed
from .keys import Keys
from .reading import Unreadable, read_answer, read_json
from .refused import invalid, unauthorized, unavailable
from .revocations import Principal
from .settings import Settings

LONGEST_TOKEN = 8 * 1024  # bytes
ANSWER_WITHIN = 5.0  # seconds
START_WITHIN = 1.0
OPEN_QUESTIONS = 64  # to daemun, about single tokens; what is more is refused rather than queued


class Verifier:
    """Says who a request is from. Use it as a context manager around the server's life."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        url = (settings.url or settings.issuer).rstrip("/")
        service = {"Authorization": f"Bearer {settings.service_key}"}
        self._public = httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN)
        self._client = httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN, headers=service)
        self._keys = Keys(self._public)
        self._feed = Feed(settings, self._client)
        self._open = asyncio.Semaphore(OPEN_QUESTIONS)
        self._tasks: list[asyncio.Task] = []

    @property
    def staleness(self) -> float | None:
        return self._feed.staleness

    async def __aenter__(self) -> Verifier:
        work = (self._keys.refresh(), self._feed.follow(), self._feed.acknowledge(), self._feed.forget())
        self._tasks = [asyncio.create_task(task) for task in work]
        with contextlib.suppress(TimeoutError):  # it starts without, and answers 503 meanwhile
            await asyncio.wait_for(asyncio.gather(self._keys.ready.wait(), self._feed.ready.wait()), START_WITHIN)
        return self

    async def __aexit__(self, *_) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._public.aclose()
        await self._client.aclose()

    async def check_header(self, authorization: list[str]) -> Principal:
        """Checks the token in a request's `Authorization` headers, or raises `Refused`."""
        if not authorization:
            raise unauthorized("missing_token", "The request brings no token.", error=None)
        scheme, _, token = authorization[0].partition(" ")
        if len(authorization) > 1 or scheme.lower() != "bearer" or not token.strip():
            detail = "The Authorization header must be `Bearer` and a token."
            raise unauthorized("bad_authorization_header", detail, "invalid_request")
        return await self.check(token.strip())

    async def check(self, token: str) -> Principal:
        principal = await self._genuine(token)
        # At every request, and before staleness: what is known to be revoked is so however stale we are (7).
        if self._feed.revocations.concern(principal):
            raise unauthorized("session_ended", "This session was ended. Sign in again.")
        staleness = self._feed.staleness
        if staleness is None or staleness > self._settings.max_staleness:
            if self._settings.when_stale == "deny":
                raise unavailable()
            if self._settings.when_stale == "introspect":
                await self._ask(token)
        return principal

    async def _genuine(self, token: str) -> Principal:
        kid = key_name(token)
        if self._feed.revocations.has_key(kid):
            raise invalid()
        key = await self._keys.find(kid)
        required = {"require": ["exp", "iat", "iss", "aud", "sub"]}
        issuer = self._settings.issuer
        audience = self._settings.audience or issuer
        try:
            # The algorithm is the key's; what the header says of it is only compared.
            claims = jwt.decode(token, key, [key.algorithm_name], required, audience=audience, issuer=issuer)
        except jwt.ExpiredSignatureError:
            raise unauthorized("token_expired", "The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise invalid() from None
        subject, session = claims["sub"], claims.get("sid")
        is_session = session is None or isinstance(session, str) and re.fullmatch("[0-9a-fA-F]{32}", session)
        if claims.get("ctr") != self._settings.contract:  # another API's tokens are signed by the same key
            raise invalid()
        if not re.fullmatch("[0-9]{1,19}", subject) or not is_session:
            raise invalid()
        return Principal(int(subject), session and session.lower(), int(claims["iat"]), claims)

    async def _ask(self, token: str) -> None:
        """Asks daemun about one token (RFC 7662). What is no clear yes or no is 503."""
        if self._open.locked():
            raise unavailable()
        async with self._open:
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    answer = await read_answer(self._client, "POST", "/v1/introspect", data={"token": token})
                active = read_json(answer[2]).get("active") if answer[0] == 200 else None
            except (httpx.HTTPError, TimeoutError, Unreadable):
                active = None
        if active is False:
            raise unauthorized("session_ended", "This session was ended. Sign in again.")
        if active is not True:
            raise unavailable()


def key_name(token: str) -> str:
    """The `kid` of what may be one of daemun's access tokens; whatever else it is causes no fetch and no question."""
    parts = token.split(".")
    if len(token) > LONGEST_TOKEN or len(parts) != 3 or not all(map(is_canonical, parts)):
        raise invalid()
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise invalid() from None
    kid, kind = header.get("kid"), str(header.get("typ")).lower().removeprefix("application/")
    if header.get("alg") != "EdDSA" or kind != "at+jwt" or "crit" in header or "b64" in header:
        raise invalid()
    if not isinstance(kid, str) or len(kid) > 256:
        raise invalid()
    return kid


def is_canonical(part: str) -> bool:
    """Whether it is base64url in its only spelling; Python's decoder takes others too."""
    if not re.fullmatch("[A-Za-z0-9_-]*", part) or len(part) % 4 == 1:
        return False
    bytes_ = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    return base64.urlsafe_b64encode(bytes_).rstrip(b"=").decode() == part
