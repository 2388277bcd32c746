"""S1: a help-desk bot that is paid in coins, 1 to 5 for an answer, by how hard it was."""

from collections import Counter
from uuid import uuid4

from creditgate import Attributes, BalanceLow, Client, InsufficientCredits

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
    about = Attributes(agent="ada", topic=topic)
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

        spent = Counter[str]()
        for hold in credits.list_holds(shop):
            spent[hold.attributes.topic] += int(hold.charged)
        print("coins by topic:", dict(spent.most_common()))


if __name__ == "__main__":
    main()
