"""The dashboard as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from creditgate_server.domain.errors import BatchRefusedError, LedgerError

from .access import AccessLog
from .account import AccountPage
from .dependencies import Dependencies, Rules
from .entrance import HOME, Entrance, to_login
from .listing import AccountList
from .live import Lives
from .mishaps import Mishaps
from .problems import AWAY, BROKEN, NO_SESSION, NOT_FOUND, Problem, RefusedError
from .rendering import Rendering
from .section import Download, Section
from .sections import DOWNLOADS, PAGE, SECTIONS
from .security import SecurityHeaders
from .statics import Statics
from .turns import Turns
from .visitors import Visitors

_HEALTH_SECONDS_MAX = 2.0
_log = logging.getLogger(__name__)


def create_app(
    deps: Dependencies,
    *,
    rules: Rules | None = None,
    page: Section = PAGE,
    sections: Sequence[Section] = SECTIONS,
    downloads: Sequence[Download] = DOWNLOADS,
) -> Starlette:
    """Make the application. Its `state.lives` are the open pages, to be drained before it ends."""
    rules, rendering = rules or Rules(), Rendering()
    visitors = Visitors(deps, rules)
    entrance = Entrance(deps, rules, visitors, rendering)
    lives = Lives(deps.watches, rules)
    accounts = AccountList(deps, visitors, entrance, rendering)
    account = AccountPage(
        deps,
        visitors,
        entrance,
        lives,
        rendering,
        turns=Turns(at_once=rules.reads_at_once, waiting_max=rules.reads_waiting_max),
        page=page,
        sections=sections,
        downloads=downloads,
    )

    @asynccontextmanager
    async def living(_app: Starlette) -> AsyncIterator[None]:
        async with lives.running():
            yield

    app = Starlette(
        routes=[
            Route("/", _home),
            Route("/health", partial(_health, deps)),
            Route("/login", entrance.show),
            Route("/login", entrance.log_in, methods=["POST"]),
            Route("/logout", entrance.log_out, methods=["POST"]),
            Route(HOME, accounts.show),
            *_account_routes("/account", account),
            *_account_routes("/u/{token}", account),
            Mount("/static", Statics()),
        ],
        middleware=[
            Middleware(AccessLog),
            Middleware(SecurityHeaders, is_secure=rules.is_secure),
            Middleware(Mishaps, answer=partial(_broken, rendering)),
        ],
        exception_handlers={
            RefusedError: partial(_refused, rendering),
            BatchRefusedError: partial(_refused_by_database, rendering),
            LedgerError: partial(_away, rendering),
            HTTPException: partial(_unknown, rendering),
        },
        lifespan=living,
    )
    app.state.lives = lives
    return app


def _account_routes(base: str, account: AccountPage) -> list[Route]:
    return [
        Route(base, account.show),
        Route(f"{base}/sections/{{name}}", account.section),
        Route(f"{base}/files/{{name}}", account.file),
        Route(f"{base}/live", account.live),
    ]


async def _home(_request: Request) -> Response:
    return RedirectResponse(HOME, status_code=303)


async def _health(deps: Dependencies, _request: Request) -> Response:
    """Tell whether accounts can be read: for probes, without saying why not."""
    try:
        async with asyncio.timeout(_HEALTH_SECONDS_MAX):
            await deps.keys.find_key("")
    except (LedgerError, TimeoutError):
        return PlainTextResponse("the database does not answer\n", status_code=503)
    return PlainTextResponse("ok\n")


async def _refused(rendering: Rendering, request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    if error.problem is NO_SESSION and not _is_part(request):
        return to_login(request)
    return _shown(rendering, request, error.problem)


async def _away(rendering: Rendering, request: Request, error: Exception) -> Response:
    _log.warning("nothing could be read: %s", error)
    return _shown(rendering, request, AWAY)


async def _refused_by_database(
    rendering: Rendering, request: Request, error: Exception
) -> Response:
    _log.error("a bug: the database refused what was asked", exc_info=error)
    return _shown(rendering, request, BROKEN)


async def _unknown(rendering: Rendering, request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = NOT_FOUND._replace(status=error.status_code)
    return _shown(rendering, request, problem)


async def _broken(rendering: Rendering, request: Request, _error: Exception) -> Response:
    return _shown(rendering, request, BROKEN)


def _shown(rendering: Rendering, request: Request, problem: Problem) -> Response:
    template = "sections/_problem.html" if _is_part(request) else "problem.html"
    context = {"problem": problem, "is_staff": not request.url.path.startswith("/u/")}
    response = rendering.response(template, context, status=problem.status)
    if problem.retry:
        response.headers["retry-after"] = "5"
    return response


def _is_part(request: Request) -> bool:
    return "/sections/" in request.url.path or request.url.path.endswith("/live")
