"""The revocations in force, and which tokens they concern."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from .reading import Unreadable

log = logging.getLogger("daemun")

KINDS = ("session", "account", "key", "everything")


@dataclass(frozen=True)
class Principal:
    account: int
    session: str | None
    issued_at: int
    claims: dict


def read_entry(entry: object) -> tuple | None:
    """An entry as (kind, what, before, until); None if its kind is not known."""
    if not isinstance(entry, dict):
        raise Unreadable("an entry is no object")
    kinds = [kind for kind in KINDS if entry.get(kind) is not None]
    if not kinds:
        log.warning("a kind of revocation that is not known here: %s", sorted(entry)[:8])
        return None
    kind, what, before, until = kinds[0], entry[kinds[0]], entry.get("before"), entry.get("until")
    fits = {
        "session": lambda: isinstance(what, str) and re.fullmatch("[0-9a-fA-F]{32}", what),
        "account": lambda: is_number(what) and is_number(before),
        "key": lambda: isinstance(what, str),
        "everything": lambda: what is True and is_number(before),
    }
    if len(kinds) > 1 or not fits[kind]() or not is_number(until):
        raise Unreadable("an entry is not as it should be")
    return kind, what, before, until


def is_number(value: object) -> bool:
    return type(value) is int  # a bool is an int in Python, and none here


class Revocations:
    """What was revoked and concerns tokens that still live: bounded by the lifetime of access tokens."""

    def __init__(self) -> None:
        self._named: dict[tuple[str, str], int] = {}  # sessions and keys, until when
        self._cut_offs: dict[int | None, tuple[int, int]] = {}  # by account, None for everybody: before, until

    def apply(self, entries: list[tuple]) -> None:
        for kind, what, before, until in entries:
            if kind in ("session", "key"):
                name = (kind, what.lower() if kind == "session" else what)
                self._named[name] = max(until, self._named.get(name, until))
            else:
                of = what if kind == "account" else None
                known = self._cut_offs.get(of, (before, until))
                self._cut_offs[of] = (max(before, known[0]), max(until, known[1]))

    def has_key(self, kid: str) -> bool:
        return ("key", kid) in self._named

    def concern(self, principal: Principal) -> bool:
        if ("session", principal.session) in self._named:
            return True
        cut_offs = (self._cut_offs.get(of) for of in (principal.account, None))
        return any(began_by(principal, cut_off[0]) for cut_off in cut_offs if cut_off)

    def forget(self, now: float) -> None:
        self._named = {name: until for name, until in self._named.items() if until > now}
        self._cut_offs = {of: cut_off for of, cut_off in self._cut_offs.items() if cut_off[1] > now}


def began_by(principal: Principal, before: int) -> bool:
    """Whether the session began at or before that millisecond."""
    if principal.session is None:
        return principal.issued_at <= before // 1000
    return int(principal.session[:12], 16) <= before  # a UUIDv7 begins with its time
