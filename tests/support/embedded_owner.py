"""A program that owns an embedded PostgreSQL, for tests to end in every way there is.

    python -m tests.support.embedded_owner FOLDER [BINARIES] [--fork]

Prints the address, then waits for the end of its standard input. With `--fork` it has a child
that outlives it for a minute, with copies of all it has open.
"""

from __future__ import annotations

import os
import sys
import time

from creditgate_server.embedded import EmbeddedPostgres


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--fork"]
    postgres = EmbeddedPostgres(words[0], binaries=words[1] if words[1:] else None)
    url = postgres.start()
    if "--fork" in sys.argv and os.fork() == 0:
        time.sleep(60)
        return
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    sys.stdin.read()
    # Neither stopped nor closed: the end of this process has to be enough.


if __name__ == "__main__":
    main()
