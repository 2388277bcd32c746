"""How staff come in and go out."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .dependencies import Dependencies, Rules
from .problems import FOREIGN, TOO_MANY, Problem, RefusedError
from .rendering import Rendering
from .security import check_origin, read_form
from .sessions import Session
from .throttle import Throttle
from .visitors import Visitors

HOME = "/accounts"
_PLACES = ("/accounts", "/account")
_NEXT_LENGTH_MAX = 1_024
_WRONG = Problem(401, "This key does not work", "Check that it is whole, and was not revoked.")
_NO_SCOPE = Problem(403, "This key may not read accounts", "It needs the scope read or admin.")


class Entrance:
    """The pages on which staff log in and out."""

    def __init__(
        self, deps: Dependencies, rules: Rules, visitors: Visitors, rendering: Rendering
    ) -> None:
        self._visitors, self._rendering = visitors, rendering
        self._rules = rules
        self._throttle = Throttle(per_minute=rules.failures_per_minute, clock=deps.clock)

    async def show(self, request: Request) -> Response:
        """Ask for a key."""
        return self._form(_next(request.query_params.get("next", "")), None)

    async def log_in(self, request: Request) -> Response:
        """Begin a session, if the key is right."""
        check_origin(request, base_url=self._rules.base_url)
        name = request.client.host if request.client else ""
        if not self._throttle.allows(name):
            raise RefusedError(TOO_MANY)
        form = await read_form(request)
        place = _next(form.get("next", ""))
        holder = await self._visitors.keyholders.with_text(form.get("key", "").strip())
        if holder is None:
            self._throttle.failed(name)
            return self._form(place, _WRONG)
        if not holder.may_read:
            return self._form(place, _NO_SCOPE)
        session = self._visitors.sessions.begin(key_id=holder.key_id, tenant_id=holder.tenant_id)
        response = RedirectResponse(place, status_code=303)
        self.keep(response, session)
        return response

    async def log_out(self, request: Request) -> Response:
        """End a session."""
        check_origin(request, base_url=self._rules.base_url)
        staff = await self._visitors.staff(request)
        form = await read_form(request)
        if not self._visitors.sessions.is_form_of(staff.session, form.get("token", "")):
            raise RefusedError(FOREIGN)
        self._visitors.sessions.end(staff.session)
        response = RedirectResponse("/login", status_code=303)
        response.delete_cookie(
            self._visitors.cookie_name, secure=self._rules.is_secure, httponly=True, samesite="lax"
        )
        return response

    def keep(self, response: Response, session: Session) -> None:
        """Give a session's cookie to the browser; it forgets it when it is closed."""
        response.set_cookie(
            self._visitors.cookie_name,
            self._visitors.sessions.cookie(session),
            secure=self._rules.is_secure,
            httponly=True,
            samesite="lax",
        )

    def _form(self, place: str, problem: Problem | None) -> Response:
        context = {"next": place, "problem": problem}
        return self._rendering.response(
            "login.html", context, status=problem.status if problem else 200
        )


def to_login(request: Request) -> Response:
    """Send somebody to log in, and back afterwards."""
    place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = urlencode({"next": place}) if _next(place) == place != HOME else ""
    return RedirectResponse(f"/login?{query}" if query else "/login", status_code=303)


def _next(place: str) -> str:
    """Answer where to go after logging in: only to pages of ours."""
    path = place.partition("?")[0]
    return place if path in _PLACES and len(place) <= _NEXT_LENGTH_MAX else HOME
