"""A resource server with one route that only signed-in users reach."""

import logging
import os
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from daemun_verifier import Principal, Refused, Settings, Verifier

logging.basicConfig(level=logging.INFO)
logging.getLogger("httpx").setLevel(logging.WARNING)
verifier = Verifier(Settings.from_environment())


@asynccontextmanager
async def life(_: FastAPI):
    async with verifier:
        yield


app = FastAPI(lifespan=life)


@app.exception_handler(Refused)
async def refuse(_: Request, refused: Refused) -> JSONResponse:
    return JSONResponse(refused.body, refused.status, refused.headers, media_type="application/problem+json")


async def signed_in(request: Request) -> Principal:
    return await verifier.check_header(request.headers.getlist("authorization"))


@app.get("/me")
async def me(user: Annotated[Principal, Depends(signed_in)]) -> dict:
    return {"account": user.account, "session": user.session}


@app.get("/health")
async def health() -> dict:
    """How long ago all revocations were known, in seconds; null if they never were."""
    return {"staleness": verifier.staleness}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8001")))
