"""The stream of revocations without a connection: bytes become events, and events a set of revocations."""

from __future__ import annotations

import re
from typing import NamedTuple

from .reading import Unreadable, read_json
from .revocations import Revocations, read_entry

LONGEST_EVENT = 1024 * 1024  # bytes; a thousand entries are a tenth of that (8)


class Misplaced(Exception):
    """An event that does not stand where it should in the log (5)."""


class Cursor(NamedTuple):
    """A place in the log."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}"


class EventReader:
    """Cuts server-sent events out of bytes, however these arrive."""

    _line_end = re.compile(rb"\n|\r\n|\r(?=[^\n])")  # what follows a CR decides whether it was the whole end

    def __init__(self) -> None:
        self._pending, self._is_first = b"", True
        self._name, self._id, self._data = "", None, []
        self._size = 0

    def push(self, chunk: bytes):
        """The events, as (name, id, data), that are whole now."""
        *lines, self._pending = self._line_end.split(self._pending + chunk)
        for line in lines:
            if self._is_first:
                line, self._is_first = line.removeprefix(b"\xef\xbb\xbf"), False
            if line:
                self._field(line)
                continue
            event = (self._name, self._id, "\n".join(self._data)) if self._data else None
            self._name, self._id, self._data, self._size = "", None, [], 0
            if event:
                yield event
        if len(self._pending) > LONGEST_EVENT:
            raise Unreadable("an event is too long")

    def _field(self, line: bytes) -> None:
        try:
            name, _, value = line.decode().partition(":")
        except UnicodeDecodeError:
            raise Unreadable("an event is no text") from None
        self._size += len(line)
        if self._size > LONGEST_EVENT:
            raise Unreadable("an event is too long")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "id":
            self._id = value
        elif name == "data":
            self._data.append(value)


class Follower:
    """What events mean: takes one after another, from connection to connection."""

    def __init__(self) -> None:
        self.revocations = Revocations()
        self.cursor: Cursor | None = None  # of the last event that was applied (2)
        self._snapshot: Revocations | None = None
        self._epoch = ""  # of the snapshot
        self._is_live = False

    def connected(self) -> None:
        self._snapshot, self._is_live = None, False

    def take(self, name: str, id: str | None, data: str) -> str | None:
        """Returns "current" where all is known up to now, "applied" where there is something to acknowledge too."""
        if name == "reset":
            epoch = read_json(data).get("epoch")
            if not isinstance(epoch, str):
                raise Unreadable("a reset names no epoch")
            # What was known stays in force until the snapshot is complete (1), also if this is the second attempt.
            self._snapshot, self._epoch = Revocations(), epoch
            self.cursor, self._is_live = None, False
        elif name == "entries":
            place = self._place(id)
            listed = read_json(data).get("entries")
            if not isinstance(listed, list):
                raise Unreadable("there is no list of entries")
            entries = [entry for entry in map(read_entry, listed) if entry]  # all are read before one is applied
            self.revocations.apply(entries)
            if self._snapshot is not None:
                self._snapshot.apply(entries)
                return None
            self.cursor = place
            return "applied" if self._is_live else None
        elif name == "ready":
            self.cursor = self._place(id)
            if self._snapshot is not None:
                self.revocations, self._snapshot = self._snapshot, None
            self._is_live = True
            return "applied"
        elif name == "heartbeat" and self._is_live:
            self.cursor = self._place(id)
            return "current"
        return None

    def _place(self, id: str | None) -> Cursor:
        epoch, dot, seq = (id or "").rpartition(".")
        if not (dot and epoch.isascii() and epoch.isprintable() and re.fullmatch("[0-9]{1,20}", seq)):
            raise Misplaced("an event has no place in the log")
        if self.cursor is None and self._snapshot is None:
            raise Misplaced("what should follow a reset came without one")
        known_epoch, known_seq = self.cursor or (self._epoch, 0)
        if epoch != known_epoch or int(seq) < known_seq:
            raise Misplaced("an event is of another epoch, or goes back")
        return Cursor(epoch, int(seq))
