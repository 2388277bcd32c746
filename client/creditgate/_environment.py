"""Where the target and the API key come from when nobody says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOCAL_FILE = Path(".creditgate") / "env"


@dataclass(frozen=True)
class Connection:
    """Where the service is and the key to call it with. `source` says where that was found."""

    target: str
    api_key: str
    source: str


def find_connection(environ: Mapping[str, str], *, cwd: Path) -> Connection:
    """Find `CREDITGATE_TARGET` and `CREDITGATE_API_KEY`.

    Looks in the environment, then for what a local `creditgate-server dev` wrote to
    `.creditgate/env` in `cwd` or the nearest parent. What is found nowhere is empty.
    """
    file = next((p / LOCAL_FILE for p in (cwd, *cwd.parents) if (p / LOCAL_FILE).is_file()), None)
    local = read_env_file(file) if file else {}
    both = {**local, **{name: value for name, value in environ.items() if value}}
    target = both.get("CREDITGATE_TARGET", "")
    # A key belongs to the service it was made for: never send a local one somewhere else.
    same = target == local.get("CREDITGATE_TARGET", target)
    key = environ.get("CREDITGATE_API_KEY") or (local.get("CREDITGATE_API_KEY", "") if same else "")
    source = "the environment" if environ.get("CREDITGATE_TARGET") or not file else str(file)
    return Connection(target, key, source)


def read_env_file(path: Path) -> dict[str, str]:
    """Read `KEY=VALUE` lines; blank lines, `#` comments and quotes round a value are allowed."""
    pairs = {}
    for line in path.read_text("utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            pairs[name.strip()] = value.strip().strip("'\"")
    return pairs
