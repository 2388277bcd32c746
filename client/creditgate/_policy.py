"""The retry policy of `service_config.json`, which other languages hand to gRPC as it is.

This client carries it out itself, for two things gRPC's own retries cannot do: keep in mind that
an earlier attempt may have been carried out when a later one says "not executed", and wait as long
as a `RetryInfo` asks.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class RetryPolicy:
    """How long attempts may take and how far apart they are, in seconds."""

    timeout_seconds: float
    initial_backoff_seconds: float
    max_backoff_seconds: float
    backoff_multiplier: float


class Throttle:
    """Stops retries of work that was not executed while much of it fails (retryThrottling)."""

    def __init__(self, *, max_tokens: float, token_ratio: float) -> None:
        self._max, self._ratio, self._tokens = max_tokens, token_ratio, max_tokens
        self._lock = threading.Lock()

    def succeed(self) -> None:
        """Count an answered call."""
        with self._lock:
            self._tokens = min(self._tokens + self._ratio, self._max)

    def allow_retry(self) -> bool:
        """Count a failed attempt; false while too many have failed of late."""
        with self._lock:
            self._tokens = max(self._tokens - 1, 0)
            return self._tokens > self._max / 2


@cache
def load_service_config() -> dict[str, Any]:
    """The packaged copy of `protos/creditgate/v1/service_config.json`."""
    text = files("creditgate.v1").joinpath("service_config.json").read_text("utf-8")
    config: dict[str, Any] = json.loads(text)
    return config


@cache
def retry_policy(service: str) -> RetryPolicy:
    """The policy for the methods of a service, for example `creditgate.v1.AccountService`."""
    for method in load_service_config()["methodConfig"]:
        if {"service": service} in method["name"]:
            retry = method["retryPolicy"]
            return RetryPolicy(
                timeout_seconds=_seconds(method["timeout"]),
                initial_backoff_seconds=_seconds(retry["initialBackoff"]),
                max_backoff_seconds=_seconds(retry["maxBackoff"]),
                backoff_multiplier=retry["backoffMultiplier"],
            )
    raise LookupError(f"service_config.json says nothing of {service}")


def new_throttle() -> Throttle:
    """A full throttle as the service config describes it; one per client."""
    retries = load_service_config()["retryThrottling"]
    return Throttle(max_tokens=retries["maxTokens"], token_ratio=retries["tokenRatio"])


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))
