"""Rate cards and prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from creditgate._messages import rate as rates_calls
from creditgate._sync.delivery import SyncDelivery
from creditgate._sync.events import PAGE_SIZE
from creditgate._types.rate import Quote, Rate, RateCard, RateCardPublication, Usage


class SyncRates(SyncDelivery):
    """What `Client` can ask about prices."""

    def quote(
        self,
        account_id: str,
        *,
        usage: Usage | None = None,
        usages: Iterable[Usage] | None = None,
        pin_for_seconds: float = 0.0,
    ) -> Quote:
        """Price a usage by an account's rate card, and tell what the available credits buy.

        `usages` prices work on several meters. `pin_for_seconds`, up to a day, promises the rates
        to what is reserved or charged with `quote=` until then; nothing is held meanwhile.
        """
        return self._send(
            rates_calls.quote(
                account_id, usage=usage, usages=usages, pin_for_seconds=pin_for_seconds
            )
        )

    def put_rate_card(
        self, rate_card_id: str, *, version: int, rates: Iterable[Rate], name: str = ""
    ) -> RateCardPublication:
        """Write a version of a rate card: 1, then 2, and so on. A version never changes.

        It prices what accounts use once a version of their plan names it, and never changes what
        open holds cost.
        """
        return self._send(
            rates_calls.put_rate_card(rate_card_id, version=version, rates=rates, name=name)
        )

    def get_rate_card(self, rate_card_id: str, *, version: int | None = None) -> RateCard:
        """Read a version of a rate card; None is the latest."""
        return self._send(rates_calls.get_rate_card(rate_card_id, version=version))

    def list_rate_cards(self, *, page_size: int = PAGE_SIZE) -> Iterator[RateCard]:
        """Read the latest versions of all rate cards, without their rates, a page at a time."""
        return self._pages(
            lambda token: rates_calls.list_rate_cards(page_size=page_size, page_token=token)
        )
