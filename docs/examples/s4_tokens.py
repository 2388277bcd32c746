"""S4: an assistant that learns files and chats, both from one wallet of tokens."""

from datetime import UTC, datetime
from uuid import uuid4

from creditgate import BalanceLow, Client, CycleUnit, Denied, EventKind, Rate, Usage, UsageGrouping

FILES, READ, WRITTEN = "training.tokens", "chat.read", "chat.written"
PACKAGE = 5_000  # tokens; a credit is a token that the assistant wrote
LOW = 10 * PACKAGE // 5


def sell(credits: Client) -> None:
    """Write down what is sold; the same words again change nothing."""
    prices = {FILES: "0.5", READ: "0.1", WRITTEN: "1"}
    rates = [Rate.of(meter, unit_price=price) for meter, price in prices.items()]
    credits.put_rate_card("s4-tokens", version=1, rates=rates)
    credits.put_plan("s4-tokens", version=1, cycle=CycleUnit.MONTH, rate_card_id="s4-tokens")
    credits.put_package("s4-tokens", version=1, amount=PACKAGE)


def subscribe(credits: Client) -> str:
    """Make a customer with ten packages on the 1st of each month."""
    school = f"school-{uuid4()}"
    credits.create_account(school)
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    account = credits.update_account(
        school, plan="s4-tokens@1", billing_anchor=first, thresholds=[LOW, 0]
    )
    assert account.cycle is not None
    # A threshold is told as an event. put_endpoint("school", email=...) makes a mail of it.
    ten = credits.add_addon(school, addon_id="ten", amount=10 * PACKAGE, outlives_cycle=True)
    day = account.cycle.ends_at.day
    print(f"{ten.balance.available} tokens, and as many on day {day} of each month")
    return school


def learn(credits: Client, school: str, file: str, tokens: int) -> None:
    """Train the assistant on a file, at the price that the customer was shown before."""
    usage = Usage(FILES, tokens)
    quote = credits.quote(school, usage=usage, pin_for_seconds=600)
    with credits.hold(school, usage=usage, hold_id=file, quote=quote) as hold:
        hold.use(quantity=tokens)
    print(f"{file}: {tokens} tokens learnt for {hold.hold.charged}; {quote.price} were quoted")


def chat(credits: Client, school: str, message: str, *, read: int, wrote: int) -> None:
    """Answer a visitor, who never hears of tokens: without them there is just no answer."""
    # Nobody knows beforehand what an answer takes: an estimate is held, the truth is charged.
    estimate = [Usage(READ, read), Usage(WRITTEN, 2_000)]
    try:
        with credits.hold(school, usages=estimate, hold_id=message) as hold:
            hold.use(quantities={READ: read, WRITTEN: wrote})
    except Denied as denied:
        print(f"{message}: no answer, {denied.answer.decision}")
    else:
        print(f"{message}: {hold.hold.charged} credits, {hold.balance.settled} left")


def main() -> None:
    with Client() as credits:
        sell(credits)
        school = subscribe(credits)
        learn(credits, school, "handbook.pdf", 76_000)
        chat(credits, school, "chat-1", read=4_000, wrote=834)
        chat(credits, school, "chat-2", read=1_660, wrote=2_600)  # more than was held, and charged
        learn(credits, school, "timetable.csv", 16_000)
        chat(credits, school, "chat-3", read=100, wrote=90)

        bought = credits.buy_package(school, grant_id="order-7", package_id="s4-tokens", quantity=2)
        print(f"bought 2 packages: {bought.balance.settled} tokens, the assistant is active again")
        chat(credits, school, "chat-3", read=100, wrote=90)

        addon = credits.cancel_addon(school, addon_id="ten")
        left = credits.get_balance(school).settled
        print(f"cancelled: {addon.amount} tokens come no more, {left} are there still")

        for row in credits.query_usage(school, by=[UsageGrouping.METER], dearest_first=True):
            print(f"{row.meter}: {row.quantity} tokens for {row.consumed}")

        for event in credits.list_events(school):
            if isinstance(event.details, BalanceLow):
                print(f"mail: {event.balance.settled} tokens left")
            elif event.kind is not EventKind.CYCLE_RESET:
                print(f"event: {event.kind}")


if __name__ == "__main__":
    main()
