"""A resource server in front of which `daemun_verifier` stands: `GET /me` says who asks."""

import os
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, Header
from fastapi.responses import JSONResponse

from daemun_verifier import Refused, Verifier


@asynccontextmanager
async def life(app):
    async with Verifier(
        os.environ["DAEMUN_URL"],
        os.environ["DAEMUN_SERVICE_KEY"],
        issuer=os.environ.get("ISSUER"),
        name=os.environ.get("VERIFIER_NAME", "python-example"),
        policy=os.environ.get("POLICY", "deny"),
        stale_after=float(os.environ.get("STALE_AFTER", "15")),
    ) as verifier:
        app.state.verifier = verifier
        yield


app = FastAPI(lifespan=life)


@app.exception_handler(Refused)
async def refuse(_, refused):
    return JSONResponse({"error": refused.error}, refused.status, refused.headers)


async def caller(authorization: str | None = Header(None)):
    return await app.state.verifier.check(authorization)


@app.get("/me")
async def me(claims=Depends(caller)):
    return {"account": claims["sub"], "session": claims["sid"]}


@app.get("/health")
async def health():
    return {"current": app.state.verifier.is_current()}
