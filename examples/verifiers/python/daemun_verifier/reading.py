"""Reading what somebody else wrote: never further than it may be long, and never believing that it is JSON."""

from __future__ import annotations

import json

import httpx

LONGEST_ANSWER = 256 * 1024  # bytes


class Unreadable(Exception):
    """Data of the stream that cannot be read (5)."""


def read_json(text: str | bytes) -> dict:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("this is no JSON") from None
    if not isinstance(value, dict):
        raise Unreadable("this is no JSON object")
    return value


async def read_answer(client: httpx.AsyncClient, method: str, path: str, **more) -> tuple[int, httpx.Headers, bytes]:
    """An answer, read no further than it may be long."""
    body = b""
    async with client.stream(method, path, **more) as answer:
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > LONGEST_ANSWER:
                raise Unreadable("an answer is too long")
        return answer.status_code, answer.headers, body
