"""Requests that are not served: the answer to each, with its challenge (RFC 6750)."""

from __future__ import annotations


class Refused(Exception):
    """Why a request is not served, as it is told: a status, headers, and problem details (RFC 9457)."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str]) -> None:
        super().__init__(code)
        self.status = status
        self.headers = {"Cache-Control": "no-store", **headers}
        self.body = {"type": f"urn:daemun:problem:{code}", "status": status, "code": code, "detail": detail}


def unauthorized(code: str, detail: str, error: str | None = "invalid_token") -> Refused:
    challenge = f'Bearer error="{error}"' if error else "Bearer"  # RFC 6750 §3: no error where there was no token
    return Refused(401, code, detail, {"WWW-Authenticate": challenge})


def invalid() -> Refused:
    return unauthorized("invalid_token", "The token is not valid.")


def unavailable() -> Refused:
    # Never 401: every client would refresh, and every user log in, at once (6).
    return Refused(503, "unavailable", "Try again in a moment.", {"Retry-After": "5"})
