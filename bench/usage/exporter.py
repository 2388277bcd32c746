"""The process that exports activity: all of one account after the other, as bytes, counted.

It reads an `Exporting` as a line and answers how many entries came, at its end or that of its
input. What it costs itself is little, so that it is the service that is measured.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import grpc

from bench.line import Line
from creditgate.v1 import usage_service_pb2 as pb
from creditgate.v1 import usage_service_pb2_grpc as pb_grpc


@dataclass(frozen=True, kw_only=True)
class Exporting(Line):
    """Whose activity is exported; with `again` from the beginning whenever all was."""

    target: str
    api_key: str
    accounts: Sequence[int]
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class Exported(Line):
    """How many entries came in how many seconds."""

    entries: int
    seconds: float


def export(exporting: Exporting) -> Exported:
    """Read it all."""
    entries, begun = 0, perf_counter()
    with grpc.insecure_channel(exporting.target) as channel:
        stub: Any = pb_grpc.UsageServiceStub(channel)
        for account_id in _accounts(exporting):
            request = pb.ExportActivityRequest(account_id=account_id)
            metadata = (("authorization", f"Bearer {exporting.api_key}"),)
            for chunk in stub.ExportActivity(request, metadata=metadata):
                entries += len(chunk.activities)
                if _ended():
                    return Exported(entries=entries, seconds=perf_counter() - begun)
    return Exported(entries=entries, seconds=perf_counter() - begun)


def _accounts(exporting: Exporting) -> Iterator[str]:
    while True:
        yield from (f"account-{number}" for number in exporting.accounts)
        if not exporting.again:
            return


def _ended() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def main() -> None:
    """Export as the line asks for that comes."""
    exporting = Exporting.from_json(sys.stdin.readline())
    print(export(exporting).to_json(), flush=True)


if __name__ == "__main__":
    main()
