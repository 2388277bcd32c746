from __future__ import annotations


class EmbeddedPostgresError(RuntimeError):
    """PostgreSQL could not be found, initialised, started or stopped.

    The message says what happened and, where there is one, the remedy in one line.
    """
