"""What all answers are made of. Amounts are there twice: in credits, and in micro-credits."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar, overload

from creditgate._types.amount import to_credits

Item = TypeVar("Item")


class Credits:
    """A read-only attribute in credits over the field of the same name with `_micros`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._field = f"{name}_micros"

    @overload
    def __get__(self, instance: None, owner: type) -> Credits: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Decimal: ...
    def __get__(self, instance: object | None, owner: type) -> Credits | Decimal:
        return self if instance is None else to_credits(getattr(instance, self._field))


class Word(StrEnum):
    """A word of the API. `UNKNOWN` stands for one that is newer than this package."""

    @classmethod
    def _missing_(cls, value: object) -> Any:  # noqa: ARG003 - the standard library's signature
        return cls["UNKNOWN"]


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Item]):
    """One page of a list; `next_page_token` is empty after the last."""

    items: tuple[Item, ...] = field(default=())
    next_page_token: str = ""
