"""How the command line writes the terms of calls."""

from __future__ import annotations

import click

from creditgate._commands.terms import Terms, Words
from creditgate._types.call import CallLeg, CallTerms, FailureHandling, FinalAction

_HANDLINGS = {each.value.lower().replace("_", "-"): each for each in FailureHandling}
_ACTIONS = {each.value.lower(): each for each in FinalAction}
_WORDS: Words = {
    "max": ("max_duration_seconds", int),
    "renew-before": ("renew_before_seconds", float),
    "warn-before": ("warn_before_seconds", float),
    "final": ("final_action", _ACTIONS.__getitem__),
    "target": ("redirect_target", str),
    "on-reserve-failure": ("on_reserve_failure", _HANDLINGS.__getitem__),
    "on-extend-failure": ("on_extend_failure", _HANDLINGS.__getitem__),
    "offline": ("offline_allowance_seconds", int),
}


TERMS = Terms(CallTerms, _WORDS)
CALLS = click.option("--calls", type=TERMS, help="How calls run: max=3600,offline=30.")
GATEWAY = click.option("--gateway", default="", help="The gateway that carries the call.")
EPOCH = click.option("--epoch", type=int, help="A number that grows with each start of it.")


def leg(gateway: str, epoch: int | None) -> CallLeg | None:
    """The gateway of a call, where one is given; both or neither."""
    if bool(gateway) != (epoch is not None):
        raise click.UsageError("--gateway and --epoch, both or neither")
    return CallLeg(gateway, epoch) if epoch is not None else None
