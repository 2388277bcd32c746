"""Purchases, blocking: packages, and grants that wait to be paid for."""

from __future__ import annotations

from collections.abc import Iterator

from creditgate._messages import account as accounts
from creditgate._messages import package as packages
from creditgate._messages import topup as topups
from creditgate._sync.events import PAGE_SIZE
from creditgate._sync.usage import SyncUsage
from creditgate._types.amount import Amount
from creditgate._types.grant import Granting
from creditgate._types.package import Package, PackagePublication
from creditgate._types.topup import Topup, TopupRefusal


class SyncPurchases(SyncUsage):
    """What `Client` can do about purchases."""

    def put_package(
        self,
        package_id: str,
        *,
        version: int,
        amount: Amount,
        name: str = "",
        priority: int = 0,
        valid_for_seconds: float | None = None,
    ) -> PackagePublication:
        """Write a version of a package: 1, then 2, and so on. A version never changes.

        One of it brings `amount`, which can be spent for `valid_for_seconds`; None means for ever.
        """
        return self._send(
            packages.put_package(
                package_id,
                version=version,
                name=name,
                amount=amount,
                priority=priority,
                valid_for_seconds=valid_for_seconds,
            )
        )

    def get_package(self, package_id: str, *, version: int | None = None) -> Package:
        """Read a version of a package; None is the latest."""
        return self._send(packages.get_package(package_id, version=version))

    def list_packages(self, *, page_size: int = PAGE_SIZE) -> Iterator[Package]:
        """Read the latest versions of all packages in the order of their ids, a page at a time."""
        return self._pages(
            lambda token: packages.list_packages(page_size=page_size, page_token=token)
        )

    def buy_package(
        self,
        account_id: str,
        *,
        grant_id: str,
        package_id: str,
        version: int | None = None,
        quantity: int = 1,
        unpaid: bool = False,
        reference: str = "",
    ) -> Granting:
        """Give an account packages, of the latest version where none is named.

        `unpaid` credits are seen and not spent until `confirm_grant`.
        """
        return self._send(
            accounts.buy_package(
                account_id,
                grant_id=grant_id,
                package_id=package_id,
                version=version or 0,
                quantity=quantity,
                unpaid=unpaid,
                reference=reference,
            )
        )

    def confirm_grant(self, account_id: str, *, grant_id: str) -> Granting:
        """Say that an unpaid grant has been paid for: it can be spent from now on."""
        return self._send(accounts.confirm_grant(account_id, grant_id=grant_id))

    def refuse_topup(self, account_id: str, *, request_id: str, reason: str = "") -> TopupRefusal:
        """Say that a request for credits will not be paid for; it comes again after a while.

        `add_grant` with the request's id as `grant_id` completes it.
        """
        return self._send(topups.refuse_topup(account_id, request_id=request_id, reason=reason))

    def list_topups(self, account_id: str, *, page_size: int = PAGE_SIZE) -> Iterator[Topup]:
        """Read an account's requests for credits, newest first, a page at a time."""
        return self._pages(
            lambda token: topups.list_topups(account_id, page_size=page_size, page_token=token)
        )
