"""S1: a help-desk bot that is paid in coins, 1 to 5 for an answer, by how hard it was."""

from uuid import uuid4

from creditgate import Attributes, BalanceLow, Client, InsufficientCredits, UsageGrouping

MOST = 5  # coins that an answer may cost
QUESTIONS = (
    ("returns", "May I send it back?"),
    ("delivery", "Where is my parcel, and does it come before Anna's birthday on Friday?"),
    ("invoices", "Send me all invoices of last year again, with our new address and VAT number."),
)


def think(question: str) -> int:
    """Stand for the bot, which answers and knows what that took."""
    return min(1 + len(question) // 18, MOST)


def reply(credits: Client, shop: str, message: str, topic: str, question: str) -> bool:
    """Answer a message, if there are coins for it."""
    # Every fourth question belongs to the same conversation, and bob takes what is about money.
    agent, talk = ("bob" if topic == "invoices" else "ada"), f"talk-{int(message[8:]) % 4}"
    about = Attributes(agent=agent, topic=topic, conversation_id=talk)
    try:
        # The most it may cost is held before the bot thinks. What it did not cost is free again
        # with the commit, on leaving.
        with credits.hold(shop, amount=MOST, hold_id=message, attributes=about) as hold:
            hold.use(think(question))
    except InsufficientCredits as denied:
        print(f"{message}: paused, {denied.answer.shortfall} short")
        return False
    print(f"{message}: {hold.used} coins, {hold.balance.available} left")
    return True


def report(credits: Client, shop: str) -> None:
    """Tell where the coins went."""
    for by in (UsageGrouping.TOPIC, UsageGrouping.AGENT):
        rows = credits.query_usage(shop, by=[by], dearest_first=True)
        print(f"by {by.lower()}:", ", ".join(f"{row.value} {row.consumed}" for row in rows))
    dearest, *_ = credits.query_usage(shop, by=[UsageGrouping.CONVERSATION], dearest_first=True)
    print(f"dearest conversation: {dearest.value}, {dearest.consumed} for {dearest.holds} answers")
    summary = credits.get_summary(shop, days=1)
    print(f"today: {summary.consumed} coins for {summary.holds} answers")


def main() -> None:
    with Client() as credits:
        # No fee, no cycle: just the coins that are given once. A coin is a dollar here.
        credits.put_plan("s1-coins", version=1, name="Coins", welcome=50)
        shop = f"shop-{uuid4()}"
        credits.create_account(shop)
        account = credits.update_account(shop, plan="s1-coins@1", thresholds=[10])
        print(f"a new shop has {account.balance.available} coins, for as long as it likes")

        for number in range(1, 21):
            topic, question = QUESTIONS[number % 3]
            message = f"message-{number}"
            if not reply(credits, shop, message, topic, question):
                bought = credits.add_grant(shop, grant_id=f"order-{message}", amount=20)
                print(f"bought 20 coins: {bought.balance.available} left, the bot goes on")
                reply(credits, shop, message, topic, question)

        for event in credits.list_events(shop):
            if isinstance(event.details, BalanceLow):
                print(f"alert: {event.balance.settled} coins left, told once until a top-up")

        report(credits, shop)


if __name__ == "__main__":
    main()
