"""What was taken out of the archive, as whoever reads the ledger has to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from creditgate_server.domain.account_keys import AccountKey
    from creditgate_server.domain.statements import Period

    from .pool import Pool

_EMPTIED = "SELECT creditgate.emptied_version($1, $2)"


async def is_kept(pool: Pool, account: AccountKey, period: Period) -> bool:
    """Tell whether all entries of a period were there until now.

    Asked after they were read: what is taken out of the archive is taken out from the oldest on,
    and never comes back.
    """
    emptied: int = await pool.value(_EMPTIED, *account)
    return emptied <= period.after_version
