"""Log lines: one JSON object each, with the ids of the trace they belong to and without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

# An API key gives away its public id only, a URL its user only.
_API_KEY = re.compile(r"\bcg_([0-9A-Za-z]{12})_[0-9A-Za-z]{20,}")
_WEBHOOK_SECRET = re.compile(r"\bwhsec_[0-9A-Za-z+/=]+")
_PASSWORD = re.compile(r"(://[^\s:/@\"]*):[^\s/@\"]+@")
_QUERY_PASSWORD = re.compile(r"([?&](?:ssl)?password=)[^\s&\"]+")
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

TraceIds = Callable[[], tuple[str, str] | None]


def configure(*, level: str, form: str, trace_ids: TraceIds, stream: TextIO | None = None) -> None:
    """Send all log lines of the process to `stream` (standard error), once.

    `level` is the least to log, `form` is `json` or `text`; `trace_ids` answers the trace and span
    ids, in hexadecimal, of whatever is being done when a line is logged.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    formatter = JsonFormatter if form == "json" else TextFormatter
    handler.setFormatter(formatter(trace_ids=trace_ids))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


def without_secrets(text: str) -> str:
    """Blank out API keys, the secrets of webhooks and the passwords of URLs."""
    text = _API_KEY.sub(r"cg_\1_***", text)
    text = _WEBHOOK_SECRET.sub("whsec_***", text)
    text = _PASSWORD.sub(r"\1:***@", text)
    return _QUERY_PASSWORD.sub(r"\1***", text)


class _Formatter(logging.Formatter):
    """What both forms share: whose line it is, and what `extra` added to it."""

    def __init__(self, *, trace_ids: TraceIds) -> None:
        super().__init__()
        self._trace_ids = trace_ids

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Answer what the line says beside its message."""
        fields = {k: v for k, v in vars(record).items() if k not in _PLAIN}
        if ids := self._trace_ids():
            fields["trace_id"], fields["span_id"] = ids
        return fields

    def trouble(self, record: logging.LogRecord) -> str:
        """Answer the traceback that came with the line, empty when none did."""
        texts = [record.stack_info or ""]
        if record.exc_info and record.exc_info[0] is not None:
            texts.insert(0, self.formatException(record.exc_info))
        return "\n".join(filter(None, texts))


class JsonFormatter(_Formatter):
    """One JSON object a line: time, level, logger, message, trace ids, `extra`, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **self.fields(record),
        }
        if trouble := self.trouble(record):
            line["exception"] = trouble
        return without_secrets(json.dumps(line, default=str, ensure_ascii=False))


class TextFormatter(_Formatter):
    """A line for people: time, level, message, and what `extra` added as key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line, and the traceback below it."""
        line = f"{_time(record)} {record.levelname.lower():<7} {_one_line(record)}"
        line += _pairs(self.fields(record))
        if trouble := self.trouble(record):
            line += f"\n{trouble}"
        return without_secrets(line)


def _pairs(fields: Mapping[str, Any]) -> str:
    return "".join(f" {key}={value}" for key, value in fields.items())


def _one_line(record: logging.LogRecord) -> str:
    # What a caller sent must not look like a line of its own.
    return record.getMessage().replace("\r", "\\r").replace("\n", "\\n")


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
