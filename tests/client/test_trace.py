"""The caller's trace goes with its requests, where OpenTelemetry is installed."""

from __future__ import annotations

import subprocess
import sys

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from creditgate import Client

SPAN = NonRecordingSpan(SpanContext(0xA1, 0xB2, is_remote=False, trace_flags=TraceFlags(1)))
TRACEPARENT = "00-000000000000000000000000000000a1-00000000000000b2-01"


def test_the_callers_trace_goes_along() -> None:
    client = Client("127.0.0.1:1", api_key="key")
    with trace.use_span(SPAN):
        metadata = dict(client._metadata())
    assert metadata == {"traceparent": TRACEPARENT, "authorization": "Bearer key"}


def test_without_a_trace_there_is_only_the_key() -> None:
    assert dict(Client("127.0.0.1:1", api_key="key")._metadata()) == {"authorization": "Bearer key"}


def test_without_opentelemetry_there_is_only_the_key() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
from creditgate import Client
print(Client("127.0.0.1:1", api_key="key")._metadata())
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.stdout == "(('authorization', 'Bearer key'),)\n", result.stderr
