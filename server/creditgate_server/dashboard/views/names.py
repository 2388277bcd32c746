"""Names of credits as people read them."""

from __future__ import annotations

_OWN = "cycle/"


def given_name(name: str) -> str:
    """Shorten the names that the service gives by itself, such as `cycle/<time>/allowance`."""
    if not name.startswith(_OWN):
        return name
    words = name.removeprefix(_OWN).split("/")
    return " ".join(each for each in words if not each[:1].isdigit())
