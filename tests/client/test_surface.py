"""What the package shows: all of it on purpose, the same for both clients."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import creditgate
from creditgate import _errors
from creditgate._policy import load_service_config, retry_policy

ROOT = Path(__file__).parents[2]


def test_all_names_are_listed_in_order_and_no_others() -> None:
    public = {
        name
        for name, value in vars(creditgate).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }
    assert set(creditgate.__all__) == public
    assert len(creditgate.__all__) == len(public)
    assert creditgate.__all__ == sorted(creditgate.__all__, key=_isort_key)


def _isort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as the formatter sorts them."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


@pytest.mark.parametrize("name", creditgate.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(creditgate, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)
        assert "_" not in value.__name__.removeprefix("to_"), "a public name of its own"


def test_the_tree_of_errors_is_the_tree_drawn() -> None:
    drawn = dict(_drawn_tree(_errors.__doc__ or ""))
    real = {
        value.__name__: value.__mro__[1].__name__
        for value in vars(_errors).values()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert drawn == real


def _drawn_tree(text: str) -> Iterator[tuple[str, str]]:
    """Name and base of every line of the tree in a docstring."""
    path = ["Exception"]
    for line in text[text.index("\nCreditgateError") + 1 :].splitlines():
        match = re.match(r"([│ ├└─]*)(\w+)", line)
        if match:
            depth = len(match[1]) // 4
            path = [*path[: depth + 1], match[2]]
            yield match[2], path[-2]


def test_both_clients_are_the_same_but_for_waiting() -> None:
    for blocking, waiting in (
        (creditgate.Client, creditgate.AsyncClient),
        (creditgate.SyncHold, creditgate.AsyncHold),
        (creditgate.SyncCall, creditgate.AsyncCall),
        (creditgate.SyncStatement, creditgate.AsyncStatement),
        (creditgate.SyncExport, creditgate.AsyncExport),
    ):
        ours, theirs = _public(blocking), _public(waiting)
        assert ours.keys() == theirs.keys()
        for name, member in ours.items():
            twin = theirs[name]
            assert _shape(member) == _shape(twin), name
            assert _plain(inspect.getdoc(member)) == _plain(inspect.getdoc(twin)), name


def _public(kind: type) -> dict[str, Any]:
    return {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}


def _shape(member: Any) -> object:
    if not callable(member):
        return type(member)
    signature = inspect.signature(member)
    parameters = [
        (each.name, each.kind, each.default, _unnamed(each.annotation))
        for each in signature.parameters.values()
    ]
    return parameters, _unnamed(signature.return_annotation)


def _unnamed(annotation: object) -> str:
    return str(annotation).replace("Async", "").replace("Sync", "")


def _plain(text: str | None) -> str:
    return (text or "").replace("async with", "with").replace("Async", "")


@pytest.mark.parametrize("kind", [creditgate.Client, creditgate.AsyncClient])
def test_all_but_the_first_argument_are_named(kind: type) -> None:
    for name, member in _public(kind).items():
        if inspect.isfunction(member):
            _, *parameters = inspect.signature(member).parameters.values()
            kinds = [each.kind for each in parameters]
            assert kinds[1:] == [inspect.Parameter.KEYWORD_ONLY] * len(kinds[1:]), name


def test_the_retry_policy_is_that_of_the_protos() -> None:
    protos = json.loads((ROOT / "protos/creditgate/v1/service_config.json").read_text())
    assert load_service_config() == protos
    policy = retry_policy("creditgate.v1.CreditAuthorizationService")
    assert (policy.timeout_seconds, policy.initial_backoff_seconds) == (5, 0.05)
    with pytest.raises(LookupError):
        retry_policy("creditgate.v1.Nothing")


def test_the_package_says_it_is_typed() -> None:
    assert files("creditgate").joinpath("py.typed").is_file()
