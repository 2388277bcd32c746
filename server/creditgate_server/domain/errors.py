"""What can go wrong between us and the database, in the only terms callers may act on."""

from __future__ import annotations


class LedgerError(Exception):
    """Base of the errors the ledger raises; expected business answers are values, never errors."""


class NotExecutedError(LedgerError):
    """Definitely not done, for a passing reason: send the same request again."""


class OutcomeUnknownError(LedgerError):
    """The connection was lost at or after COMMIT.

    Only the same request, sent again, tells what is true.
    """


class RangeArchivedError(LedgerError):
    """A read was about what is not kept any more. It is raised, as it may be found on the way."""


class RangeTooLongError(LedgerError):
    """A read was about more time than can be read at once. How long a range is, the clock says."""


class BatchRefusedError(LedgerError):
    """The database refused a batch for its content: definitely not done.

    When the batch is one operation, it is a bug.
    """
