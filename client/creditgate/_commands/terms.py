"""Terms of plans on the command line: words and their values, with commas between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

Kind = TypeVar("Kind")

Words = Mapping[str, tuple[str, Callable[[str], Any]]]
"""By their words: the names of the terms, and what reads their values."""


class Terms(click.ParamType[Kind]):
    """Terms such as `max=3600,final=redirect`."""

    name = "term=value,..."

    def __init__(self, kind: Callable[..., Kind], words: Words) -> None:
        self._kind, self._words = kind, words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Kind:
        """Check that the text is terms with commas between."""
        terms: dict[str, Any] = {}
        for word in value.split(","):
            term, equals, text = word.partition("=")
            if not equals or term not in self._words:
                self.fail(f"{word!r} is no term=value: {', '.join(self._words)}", param, ctx)
            name, read = self._words[term]
            try:
                terms[name] = read(text)
            except (ValueError, KeyError):
                self.fail(f"{word!r} has no such value", param, ctx)
        return self._kind(**terms)
