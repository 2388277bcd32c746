"""What is said when something cannot be shown; nothing that a stranger could learn from."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """Why there is nothing to see; `retry` says that asking again may help."""

    status: int
    title: str
    text: str
    retry: bool = False


class RefusedError(Exception):
    """Ends a request with a problem, which is shown."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


NOT_FOUND = Problem(404, "There is nothing here", "Check the address, or ask who gave it to you.")
NO_ACCOUNT = Problem(404, "There is no such account", "It may be spelt differently.")
BAD_LINK = Problem(
    404, "This link does not work", "It may have been cut off. Ask for it again where you got it."
)
ENDED_LINK = Problem(
    403, "This link has expired", "Links work for a limited time. Ask for a new one."
)
NO_SESSION = Problem(401, "You are logged out", "Log in again to go on.")
FOREIGN = Problem(
    403, "This was not sent from here", "Reload the page and try again. Nothing was done."
)
TOO_MANY = Problem(429, "Too many attempts", "Wait a minute, then try again.", retry=True)
TOO_SLOW = Problem(408, "That took too long", "Nothing was done: try again.", retry=True)
TOO_LARGE = Problem(413, "That is too long", "Nothing was done.")
AWAY = Problem(
    503, "This cannot be read at the moment", "It will be back in a moment: try again.", retry=True
)
BROKEN = Problem(500, "Something went wrong here", "It has been written down. Try again later.")
