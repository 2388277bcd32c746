"""What the kit shows of what gateways (V) and agents (C) need, and what it does not, and why.

`python -m tests.conformance.behaviours` writes the table of README.md anew.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
README = FOLDER / "README.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"


@dataclass(frozen=True)
class Behaviour:
    """One behaviour; `without` is what of it is not shown here, and why."""

    name: str
    says: str
    without: str = ""


BEHAVIOURS = (
    Behaviour("V1", "Reserves at once get exactly what there is"),
    Behaviour("V2", "Admission counts the connection fee and the first block"),
    Behaviour(
        "V3",
        "A grant carries all a gateway needs to cut a call by itself",
        "that it does so is the gateway's part; the SDK's is in tests/client/test_call_outages.py",
    ),
    Behaviour("V4", "A partial grant is only for who asks for it"),
    Behaviour("V5", "Too few credits and credits held by others are different answers"),
    Behaviour("V6", "Credits and a place among the calls come together or not at all"),
    Behaviour(
        "V7",
        "Free work needs no credits",
        "it has a hold of nothing, not an answer of its own: so it is on record",
    ),
    Behaviour("V8", "Work without a price is refused, and the bad field named"),
    Behaviour(
        "V9",
        "A denied Reserve leaves nothing behind",
        "its name is judged afresh, not remembered: credits may have come",
    ),
    Behaviour("V10", "A call has a longest duration, however often it is renewed"),
    Behaviour("V11", "Who only rang pays nothing, no fee either"),
    Behaviour(
        "V12",
        "The service's own clock decides",
        "requests carry no times, so there is no skew to flag",
    ),
    Behaviour(
        "V13",
        "Seconds on hold cost nothing",
        "no reduced price of silence: gateways report what counts; "
        "how the SDK counts is in tests/client/test_call_clock.py",
    ),
    Behaviour(
        "V14",
        "A long pause gives the hold back",
        "out of scope: a gateway that wants it lets the hold go and reserves anew",
    ),
    Behaviour(
        "V15",
        "The rate is kept from the beginning",
        "no price that changes within a call: it is the one it began with",
    ),
    Behaviour("V16", "Extend states a total and never adds"),
    Behaviour("V17", "A lost report is made up for by the next"),
    Behaviour(
        "V18",
        "A lower total changes nothing and answers what stands",
        "no error for it: late and repeated reports are ordinary",
    ),
    Behaviour("V19", "A denied Extend charges what it reports and takes nothing away"),
    Behaviour(
        "V20",
        "An Extend under way while the quota ends leaves no gap",
        "that service goes on meanwhile is the gateway's part; "
        "the SDK's is in tests/client/test_call_machine.py",
    ),
    Behaviour(
        "V21",
        "Renewals are not asked for at once",
        "the service says when; to keep to it, and to five seconds at least, is the gateway's; "
        "the SDK's is in tests/client/test_call_machine.py",
    ),
    Behaviour(
        "V22",
        "Renewals of many calls are spread",
        "out of scope: the gateway's part; the SDK's is in tests/client/test_call_machine.py",
    ),
    Behaviour("V23", "Usage beyond the grant follows the policy, never from others' holds"),
    Behaviour("V24", "Rounding happens once: any split costs what the total costs"),
    Behaviour("V25", "Blocks are right at every boundary"),
    Behaviour("V26", "Nothing costs nothing; what cannot be is refused and changes nothing"),
    Behaviour("V27", "A low balance, and a hold's end, are told once and in time"),
    Behaviour("V28", "The last grant says what is to happen at its end"),
    Behaviour("V29", "New credits during a call are told, and the call goes on"),
    Behaviour("V30", "What brings no credits resumes nothing"),
    Behaviour(
        "V31",
        "A suspension is told to all who watch, and nothing new begins",
        "nobody acknowledges what is told: a gateway that does not listen is stopped by its quota",
    ),
    Behaviour("V32", "A crashed gateway pays what it reported; the rest is free on time"),
    Behaviour("V33", "Usage at the instant of expiry is charged once, never dropped"),
    Behaviour("V34", "A hold renewed in time never ends"),
    Behaviour("V35", "A lost connection ends no work"),
    Behaviour("V36", "A gateway that starts again finds its calls, and only its own"),
    Behaviour("V37", "A killed server is stood in for by any other"),
    Behaviour(
        "V38",
        "Each call's policy for when the service is away comes with it",
        "to keep to it is the gateway's part; the SDK's is in tests/client/test_call_machine.py",
    ),
    Behaviour("V39", "What may be spent while the service is away is bounded, and shown"),
    Behaviour(
        "V40",
        "Overload is refused at once, Commit and Release last",
        "out of scope: it would overload a server that others may use; "
        "tests/faults/test_overload.py does it to one of its own",
    ),
    Behaviour("V41", "What its caller gave up is done at once or never"),
    Behaviour("V42", "A backlog in any order, with repeats, ends in one ledger"),
    Behaviour(
        "V43",
        "One name, one effect; with another body it is refused",
        "a repeat answers the same decision with the hold as it is now",
    ),
    Behaviour("V44", "A refusal is repeated as one"),
    Behaviour(
        "V45",
        "A Release that overtakes its Reserve wins",
        "a Commit does not: it is HOLD_NOT_FOUND, and is sent again after the Reserve",
    ),
    Behaviour("V46", "Extend and Commit of what is not there are NOT_FOUND"),
    Behaviour("V47", "Ending again answers how it ended"),
    Behaviour("V48", "After a lost answer the name tells what is true"),
    Behaviour(
        "V49",
        "A request that comes again does not begin again",
        "events of a call that come again are the gateway's part; "
        "the SDK's is in tests/client/test_call_clock.py",
    ),
    Behaviour("V50", "Names of two tenants never meet"),
    Behaviour("V51", "Every way a call can end gives back what was not used"),
    Behaviour(
        "V52",
        "Causes are on record and told apart",
        "a cause may be left out: who has none is not kept from ending",
    ),
    Behaviour("V53", "Legs of one call, each rounded alone, change in one step"),
    Behaviour(
        "V54",
        "Who and what the work is for is on its record",
        "it is said with Reserve; what is known at the answer only is not added",
    ),
    Behaviour("V55", "Open, late, swept and uncollected are counted"),
    Behaviour(
        "V56",
        "Decisions can be tried without effect",
        "out of scope: every decision is in force; what a usage would cost, Quote tells",
    ),
    Behaviour("V57", "After any work the books add up"),
    Behaviour("V58", "Credits that end during a call still pay for it, once"),
    Behaviour("C1", "A hold is capped; how far the credits go is another number"),
    Behaviour("C2", "A partial grant says how many tokens it buys"),
    Behaviour("C3", "Who is held up by others is told when to come again"),
    Behaviour("C4", "Less frees the rest, more is charged as far as there is"),
    Behaviour("C5", "A long answer keeps its hold by its heartbeat"),
    Behaviour(
        "C6",
        "What a caller abandons is free when its time is over",
        "cancelled tasks in the caller's own process are the SDK's part: "
        "tests/client/test_cancellation.py",
    ),
    Behaviour("C7", "One message is charged once, however often it is tried"),
    Behaviour(
        "C8",
        "Usage that becomes known late is charged then, once",
        "no amount is guessed for it before: the hold ends with what was reported",
    ),
    Behaviour("C9", "A tool is charged in one step, refunded up to its price"),
    Behaviour("C10", "Limits of user, agent and conversation are judged together"),
    Behaviour("C11", "Settled, held and available are told apart"),
    Behaviour(
        "C12",
        "Holds within a hold",
        "out of scope: parallel work has holds of its own, within one budget",
    ),
    Behaviour(
        "C13",
        "Reserve is quick beside the first token",
        "out of scope: a matter of machines, measured by bench/",
    ),
    Behaviour("C14", "Two workers with one message make one hold"),
    Behaviour("C15", "A quote touches nothing, and can promise its price"),
    Behaviour(
        "C16",
        "Work begins without the service only where a plan allows it",
        "plans say so of calls alone: other work waits",
    ),
)


def shown_by() -> dict[str, list[str]]:
    """The tests of each behaviour, found by their names, as links into the table."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and (
                match := re.match(r"test_([vc])(\d\d)_(.+)", node.name)
            ):
                kind, number, says = match.groups()
                link = f"[{says.replace('_', ' ')}]({path.name})"
                found[f"{kind.upper()}{int(number)}"].append(link)
    return found


def table() -> str:
    """The table of README.md."""
    shown = shown_by()
    lines = ["| | what is needed | shown by | not shown, and why |", "|---|---|---|---|"]
    for each in BEHAVIOURS:
        by = "; ".join(shown.get(each.name, ()))
        lines.append(f"| {each.name} | {each.says} | {by} | {each.without} |")
    return "\n".join(lines) + "\n"


def written_anew(text: str) -> str:
    """README.md with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    README.write_text(written_anew(README.read_text()))
