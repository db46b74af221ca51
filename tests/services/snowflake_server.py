"""The server of the Snowflake stand-in, with the fields of a login that connector 5 requires and fakesnow's reply
lacks.

The interpreter of `.venv-snowflake` runs it: `python snowflake_server.py HOST PORT`. A real account's login reply has a
master token and the session's id: connector 5 refuses one without.
"""

from __future__ import annotations

import json
import sys

import fakesnow.server
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

_LOGIN = "/session/v1/login-request"
_VALIDITY_SECONDS = 14400


async def login(request: Request) -> JSONResponse:
    reply = await fakesnow.server.login_request(request)
    body = json.loads(reply.body)
    if data := body.get("data"):
        data.setdefault("masterToken", data["token"])
        data.setdefault("sessionId", len(fakesnow.server.sessions))
        data.setdefault("validityInSeconds", _VALIDITY_SECONDS)
        data.setdefault("masterValidityInSeconds", _VALIDITY_SECONDS)
    return JSONResponse(body, reply.status_code)


async def telemetry(_: Request) -> JSONResponse:
    return JSONResponse({"success": True})


routes = [
    Route(_LOGIN, login, methods=["POST"]),
    Route("/telemetry/send", telemetry, methods=["POST"]),
    # Connector 5 sends this path with two slashes.
    Route("/monitoring/queries//{sfqid}", fakesnow.server.monitoring_query, methods=["GET"]),
    *fakesnow.server.routes,
]

if __name__ == "__main__":
    uvicorn.run(Starlette(routes=routes), host=sys.argv[1], port=int(sys.argv[2]), log_level="info")
