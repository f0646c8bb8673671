"""Checks daemun's access tokens where they are used: nobody is asked per request, and what was revoked is refused
a few milliseconds later.

Keys come from the issuer's JWKS, revocations from its stream; docs/revocation-stream.md says how that works, and the
numbers in comments here are those of its list of what a verifier must get right.
"""

import asyncio
import base64
import json
import logging
import random
import time
from contextlib import suppress

import httpx
import jwt

log = logging.getLogger("daemun_verifier")

SILENCE = 15.0  # seconds without a whole event: the connection is dead (3)
LONGEST_EVENT = 1_000_000  # bytes (8)
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0  # between connections (4)
KEYS_EVERY = 5.0  # seconds between two looks for a key that is not known
QUESTIONS = 32  # that may be open at once


class Refused(Exception):
    """A request that is answered here: status, a stable word, and headers (RFC 6750 section 3)."""

    def __init__(self, status, error, retry_after=None):
        super().__init__(error)
        self.status, self.error, self.headers = status, error, {}
        if status == 401:
            reason = "" if error == "missing_token" else f', error="{error}"'
            self.headers["WWW-Authenticate"] = f'Bearer realm="api"{reason}'
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)


class Broken(Exception):
    """The stream is not what it should be. `forget` says that the cursor is worth nothing either."""

    def __init__(self, why, forget=False):
        super().__init__(why)
        self.forget = forget


class Revoked:
    """What is revoked, until when. A lookup is a few dictionary accesses, however much is in it."""

    def __init__(self):
        self.sessions, self.accounts, self.keys, self.everything = {}, {}, {}, None

    def apply(self, entry):
        until = entry["until"]
        if "session" in entry:
            self.sessions[entry["session"]] = max(until, self.sessions.get(entry["session"], 0))
        elif "account" in entry:
            self.accounts[entry["account"]] = later(self.accounts.get(entry["account"]), (entry["before"], until))
        elif "key" in entry:
            self.keys[entry["key"]] = until
        elif "everything" in entry:
            self.everything = later(self.everything, (entry["before"], until))
        else:
            log.warning("passing over a kind of revocation that this program does not know: update it")

    def forget(self, now):
        self.sessions = {sid: until for sid, until in self.sessions.items() if until > now}
        self.accounts = {account: cut for account, cut in self.accounts.items() if cut[1] > now}
        self.keys = {kid: until for kid, until in self.keys.items() if until > now}
        if self.everything and self.everything[1] <= now:
            self.everything = None

    def covers(self, kid, claims, now):
        if self.keys.get(kid, 0) > now:
            return True
        sid = claims.get("sid")
        if self.sessions.get(sid, 0) > now:
            return True
        account = claims.get("sub", "")
        cuts = [self.everything, self.accounts.get(int(account) if account.isdecimal() else None)]
        return any(cut and cut[1] > now and begun_by(sid, claims, cut[0]) for cut in cuts)


def is_canonical(part):
    """Whether base64url is in its one spelling: no padding, no other letters, no bits to spare (RFC 7515 section 2)."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return False
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == part


def later(old, new):
    """Of two cut-offs the later holds, for as long as either must."""
    if old is None or new[0] >= old[0]:
        return (new[0], max(new[1], old[1] if old else 0))
    return old


def begun_by(sid, claims, before):
    """A session id is a UUIDv7: its first 48 bits are the milliseconds at which the session began."""
    if sid:
        return int(sid[:12], 16) <= before
    return claims["iat"] <= before // 1000


class Verifier:
    """`url` is where daemun is reached, `issuer` what its tokens name (the same, unless something is in between).

    `policy` says what a good token is worth while revocations cannot be heard for `stale_after` seconds: "allow" it until
    it expires, "introspect" it, or "deny" it with 503.
    """

    def __init__(self, url, service_key, *, issuer=None, audience=None, name=None, policy="deny", stale_after=SILENCE):
        self.url, self.service_key, self.name = url.rstrip("/"), service_key, name
        self.issuer = issuer or self.url
        self.audience = audience or self.issuer
        self.policy, self.stale_after = policy, stale_after
        self.keys, self.keys_asked, self.keys_turn = {}, None, asyncio.Lock()
        self.revoked, self.coming = Revoked(), None
        self.epoch = self.cursor = None
        self.current_at = None
        self.unread = asyncio.Event()
        self.questions = asyncio.Semaphore(QUESTIONS)

    async def __aenter__(self):
        self.http = httpx.AsyncClient(timeout=5.0)
        self.tasks = [asyncio.create_task(self.follow()), asyncio.create_task(self.acknowledge())]
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.http.aclose()

    # ---------------------------------------------------------------- tokens

    async def check(self, authorization):
        """The claims of the token in an Authorization header, or `Refused`."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refused(401, "missing_token")
        token = token.strip()
        kid = self.kid_of(token)
        claims = self.verified(token, await self.key(kid))
        # At every request, also for a token that was seen before (7).
        now = time.time()
        if any(known.covers(kid, claims, now) for known in (self.revoked, self.coming) if known):
            raise Refused(401, "invalid_token")
        if not self.is_current():
            await self.while_stale(token)
        return claims

    def kid_of(self, token):
        if not all(is_canonical(part) for part in token.split(".")):
            raise Refused(401, "invalid_token")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Refused(401, "invalid_token") from None
        typ = str(header.get("typ", "")).lower().removeprefix("application/")
        # The algorithm belongs to the key; this only spares looking for one.
        if header.get("alg") != "EdDSA" or typ != "at+jwt" or "crit" in header:
            raise Refused(401, "invalid_token")
        return header.get("kid")

    def verified(self, token, key):
        required = {"require": ["exp", "iat", "sub", "sid"]}
        try:
            return jwt.decode(
                token, key, algorithms=["EdDSA"], issuer=self.issuer, audience=self.audience, options=required
            )
        except jwt.PyJWTError:
            raise Refused(401, "invalid_token") from None

    async def key(self, kid):
        if kid not in self.keys:
            # One looks, the others wait for what it finds; and nobody looks again at once.
            async with self.keys_turn:
                asked = self.keys_asked
                if kid not in self.keys and (asked is None or time.monotonic() - asked > KEYS_EVERY):
                    await self.fetch_keys()
        if kid in self.keys:
            return self.keys[kid]
        if not self.keys:
            raise Refused(503, "unavailable", retry_after=1)
        raise Refused(401, "invalid_token")

    async def fetch_keys(self):
        self.keys_asked = time.monotonic()
        try:
            answer = await self.http.get(f"{self.url}/.well-known/jwks.json")
            answer.raise_for_status()
            published = answer.json()["keys"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            log.warning("the keys cannot be fetched: %s", type(error).__name__)
            self.keys_asked = None
            return
        ours = [key for key in published if key.get("kty") == "OKP" and key.get("crv") == "Ed25519"]
        self.keys = {key["kid"]: jwt.PyJWK(key, "EdDSA").key for key in ours}

    def is_current(self):
        """Whether revocations were heard lately (6)."""
        return self.current_at is not None and time.monotonic() - self.current_at <= self.stale_after

    async def while_stale(self, token):
        if self.policy == "allow":
            return
        if self.policy == "introspect" and not self.questions.locked():
            async with self.questions:
                with suppress(httpx.HTTPError, ValueError):
                    answer = await self.http.post(
                        f"{self.url}/v1/introspect", data={"token": token}, headers=self.authorization()
                    )
                    active = answer.json().get("active") if answer.status_code == 200 else None
                    if active is True:
                        return
                    if active is False:
                        raise Refused(401, "invalid_token")
        # Never 401: every client would refresh at once.
        raise Refused(503, "unavailable", retry_after=1)

    def authorization(self):
        return {"Authorization": f"Bearer {self.service_key}"}

    # ---------------------------------------------------------------- the stream

    async def follow(self):
        pause, unreadable_at = FIRST_PAUSE, None
        while True:
            wait = 0.0
            try:
                wait = await self.listen()
            except Broken as broken:
                log.warning("the stream of revocations: %s", broken)
                place = (self.epoch, self.cursor)
                if broken.forget or unreadable_at == place:
                    self.cursor = None
                unreadable_at = place
            except (httpx.HTTPError, TimeoutError, asyncio.TimeoutError) as error:
                log.warning("the stream of revocations broke: %s", type(error).__name__)
            if self.coming:
                # A snapshot that broke off: what it said holds, and there is no place to go on from (2).
                for kind in ("sessions", "accounts", "keys"):
                    getattr(self.revoked, kind).update(getattr(self.coming, kind))
                self.coming, self.cursor = None, None
            if self.was_current:
                pause = FIRST_PAUSE
            await asyncio.sleep(max(wait, pause * random.uniform(0.5, 1.0)))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def listen(self):
        """Follows one connection to its end. Returns how long to stay away."""
        self.was_current = False
        headers = self.authorization() | {"Accept": "text/event-stream"}
        if self.name:
            headers["Daemun-Verifier"] = self.name
        if self.cursor is not None:
            headers["Last-Event-ID"] = f"{self.epoch}.{self.cursor}"
        async with self.http.stream("GET", f"{self.url}/v1/revocations", headers=headers, timeout=SILENCE) as answer:
            if answer.status_code != 200:
                return float(answer.headers.get("Retry-After", 1))
            events = events_of(answer.aiter_bytes())
            while True:
                event = await asyncio.wait_for(anext(events, None), SILENCE)
                if event is None:
                    return 0.0
                self.take(*event)

    def take(self, name, place, data):
        try:
            content = json.loads(data)
            if name == "reset":
                self.epoch, self.cursor, self.coming = content["epoch"], None, Revoked()
            elif name == "entries":
                seq = self.fitting(place)
                for entry in content["entries"]:
                    (self.coming or self.revoked).apply(entry)
                self.applied(seq)
            elif name == "ready":
                seq = self.fitting(place)
                if self.coming:
                    # Only now is what the snapshot does not have over (1).
                    self.revoked, self.coming = self.coming, None
                self.was_current = True
                self.applied(seq)
            elif name == "heartbeat":
                self.applied(self.fitting(place))
                self.revoked.forget(time.time())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Broken("an event that cannot be read") from None

    def fitting(self, place):
        """The number of a place in the log that is followed; anything else was not for us (5)."""
        epoch, _, seq = (place or "").rpartition(".")
        seq = int(seq)
        if epoch != self.epoch or seq < (self.cursor or 0):
            raise Broken("an event of another log, or from before", forget=True)
        return seq

    def applied(self, seq):
        if self.coming:
            return
        self.cursor = seq
        if self.was_current:
            self.current_at = time.monotonic()
        self.unread.set()

    async def acknowledge(self):
        """Says how far this verifier is, at most once a second; nothing depends on it."""
        while self.name:
            await self.unread.wait()
            self.unread.clear()
            if self.cursor is not None:
                said = {"verifier": self.name, "cursor": f"{self.epoch}.{self.cursor}"}
                with suppress(httpx.HTTPError):
                    await self.http.post(f"{self.url}/v1/revocations/ack", json=said, headers=self.authorization())
            await asyncio.sleep(1)


async def events_of(chunks):
    """The events in a body of server-sent events: name, id, data."""
    buffer = b""
    async for chunk in chunks:
        buffer += chunk
        while b"\n\n" in buffer:
            block, _, buffer = buffer.partition(b"\n\n")
            name, place, data = "message", None, []
            for line in block.decode().split("\n"):
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "event":
                    name = value
                elif field == "id":
                    place = value
                elif field == "data":
                    data.append(value)
            if data:
                yield name, place, "\n".join(data)
        if len(buffer) > LONGEST_EVENT:
            raise Broken("an event without an end")
