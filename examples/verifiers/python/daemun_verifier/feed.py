"""Following the stream of revocations: connects, comes back after a break, says how far it is and how stale."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import time

import httpx

from .reading import Unreadable
from .revocations import Revocations
from .settings import Settings
from .stream import EventReader, Follower, Misplaced

log = logging.getLogger("daemun")

FIRST_WAIT, LONGEST_WAIT = 0.25, 30.0  # seconds, as are all times here
LONGEST_RETRY_AFTER = 300.0  # what asks for more is wrong


class Feed:
    """Keeps a `Follower` connected, and knows how stale it is."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient) -> None:
        self._settings, self._client = settings, client
        self._follower = Follower()
        self._current_at: float | None = None
        self._applied = asyncio.Event()
        self.ready = asyncio.Event()

    @property
    def revocations(self) -> Revocations:
        return self._follower.revocations

    @property
    def staleness(self) -> float | None:
        """Seconds since all was known; None before it first was (6)."""
        return None if self._current_at is None else time.monotonic() - self._current_at

    async def follow(self) -> None:
        wait, fault_at = FIRST_WAIT, ()
        while True:
            before, retry_after = self._current_at, 0.0
            try:
                retry_after = await self._listen()
            except Misplaced as error:
                log.warning("revocations: %s; beginning anew", error)
                self._follower.cursor = None
            except Unreadable as error:
                log.warning("revocations: %s", error)
                if self._follower.cursor == fault_at:
                    self._follower.cursor = None
                fault_at = self._follower.cursor
            except TimeoutError:
                log.warning("revocations: nothing was heard for too long")
            except Exception as error:  # whatever it is, listening goes on
                log.warning("revocations are not heard: %r", error)
            if self._current_at != before:
                wait = FIRST_WAIT
            await asyncio.sleep(max(retry_after, wait * random.uniform(0.5, 1)))  # (4)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _listen(self) -> float:
        """Listens until the stream is over; returns how long daemun wants to be left alone."""
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if self._settings.name:
            headers["Daemun-Verifier"] = self._settings.name
        if self._follower.cursor:
            headers["Last-Event-ID"] = str(self._follower.cursor)
        now = asyncio.get_running_loop().time
        async with (
            asyncio.timeout(self._settings.silence) as limit,
            self._client.stream("GET", "/v1/revocations", headers=headers, timeout=None) as answer,
        ):
            kind = answer.headers.get("content-type", "").partition(";")[0].strip()
            if answer.status_code != 200 or kind != "text/event-stream":
                hint = "; is the service key of scope `revocations`?" if answer.status_code in (401, 403) else ""
                log.warning("revocations: daemun answered %d %s%s", answer.status_code, kind, hint)
                return seconds(answer.headers.get("retry-after", ""))
            self._follower.connected()
            reader = EventReader()
            async for chunk in answer.aiter_raw():
                for event in reader.push(chunk):
                    limit.reschedule(now() + self._settings.silence)  # only whole events count (3)
                    self._heard(self._follower.take(*event))
        log.warning("revocations: the stream ended")
        return 0.0

    def _heard(self, news: str | None) -> None:
        if news:
            self._current_at = time.monotonic()
            self.ready.set()
        if news == "applied":
            self._applied.set()

    async def acknowledge(self) -> None:
        while self._settings.name:
            await self._applied.wait()
            self._applied.clear()
            if cursor := self._follower.cursor:
                body = {"verifier": self._settings.name, "cursor": str(cursor)}
                with contextlib.suppress(httpx.HTTPError):  # it changes nothing here
                    await self._client.post("/v1/revocations/ack", json=body)
            await asyncio.sleep(1)

    async def forget(self) -> None:
        while True:
            await asyncio.sleep(30)
            self.revocations.forget(time.time())


def seconds(retry_after: str) -> float:
    return min(float(retry_after), LONGEST_RETRY_AFTER) if re.fullmatch("[0-9]{1,9}", retry_after) else 0.0
