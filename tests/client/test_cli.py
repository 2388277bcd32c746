"""The command `creditgate`, as a shell sees it."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Fake, Shell, answer
from tests.client.test_events import make_events


def test_a_shell_runs_it(local: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if "CREDITGATE" not in name}
    result = subprocess.run(
        [sys.executable, "-m", "creditgate.cli", "balance", "acme"],
        cwd=local,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "acme  available 100  settled 100  held 0\n"


def test_the_first_minute(shell: Shell) -> None:
    assert shell("balance", "acme").stdout == "acme  available 100  settled 100  held 0\n"
    assert shell("reserve", "acme", "5", "--hold", "msg-1").stdout.startswith("granted\n")
    assert shell("commit", "acme", "msg-1", "3.2").stdout.startswith("charged 3.2\n")
    balance = answer(shell("balance", "acme", "--json"))
    assert (balance["settled"], balance["held"]) == ("96.8", "0")
    assert (balance["settled_micros"], balance["held_micros"]) == (96_800_000, 0)


def test_a_whole_life_as_json(shell: Shell) -> None:
    reserved = answer(shell("reserve", "acme", "5", "--hold", "a", "--label", "k=v", "--json"))
    assert reserved["decision"] == "GRANTED"
    assert reserved["hold"]["labels"] == {"k": "v"}
    extended = answer(shell("extend", "acme", "a", "8", "--used", "2", "--json"))
    assert (extended["charged"], extended["hold"]["granted"]) == ("2", "8")
    settled = answer(shell("commit", "acme", "a", "3", "--keep-open", "--json"))
    assert (settled["charged"], settled["hold"]["state"]) == ("1", "OPEN")
    released = answer(shell("release", "acme", "a", "--cause", "over", "--json"))
    assert released["hold"]["termination_cause"] == "over"
    shown = answer(shell("hold", "acme", "a", "--json"))
    assert shown["hold"] == released["hold"]


def test_administration(shell: Shell) -> None:
    opened = answer(shell("account", "create", "new", "--overdraft", "2", "--json"))
    assert opened["balance"]["overdraft_limit"] == "2"
    granted = answer(
        shell("grant", "new", "5", "--grant", "g", "--expires", "2031-01-01", "--json")
    )
    assert granted["grant"]["expires_at"] == "2031-01-01T00:00:00+00:00"
    assert answer(shell("charge", "new", "4", "--hold", "c", "--json"))["balance"]["settled"] == "1"
    refunded = answer(shell("refund", "new", "c", "1", "--refund", "r", "--json"))
    assert refunded["hold"]["refunded"] == "1"
    assert answer(shell("revoke", "new", "g", "--json"))["revoked"] == "2"
    assert [grant["state"] for grant in answer(shell("grants", "new", "--json"))] == ["REVOKED"]
    update = ("account", "update", "new", "--json")
    assert answer(shell(*update, "--status", "closed"))["status"] == "CLOSED"
    assert answer(shell(*update, "--policy", "debt"))["overage_policy"] == "DEBT"
    assert answer(shell("account", "show", "new", "--json"))["status"] == "CLOSED"
    names = [account["account_id"] for account in answer(shell("accounts", "--json"))]
    assert names == ["acme", "new"]
    assert [h["hold_id"] for h in answer(shell("holds", "new", "--json"))] == ["c"]
    assert answer(shell("holds", "new", "--state", "open", "--json")) == []


def test_plans_and_addons(shell: Shell, fake: Fake) -> None:
    put = ("plan", "put", "--allowance", "100", "--cycle", "month", "--rollover-max", "20")
    first = answer(shell(*put, "pro@1", "--welcome", "5", "--hold-max", "10", "--json"))
    assert (first["plan"]["allowance"], first["plan"]["cycle"]) == ("100", "MONTH")
    assert not first["replayed"]
    more = ("--name", "Pro", "--overdraft", "3", "--policy", "debt", "--hold-ttl-max", "600")
    line = "plan pro@2  100 each month  keeps up to 20  overdraft 3  debt  for up to 600 s"
    second = shell(*put, "pro@2", *more, "--open-holds-max", "2")
    assert second.stdout == f"{line}  2 at once  alerts at 20% 0\n"
    assert answer(shell("plan", "get", "pro", "--json"))["name"] == "Pro"
    assert answer(shell("plan", "get", "pro@1", "--json"))["hold_max_micros"] == 10_000_000
    assert [plan["version"] for plan in answer(shell("plan", "list", "--json"))] == [2]

    shell("account", "create", "new", "--label", "team=blue")
    update = ("account", "update", "new", "--plan")
    anchored = shell(*update, "pro@1", "--time-zone", "Asia/Tokyo", "--anchor", "2029-12-31")
    assert anchored.stdout.splitlines()[:3] == [
        "account new  active  available 105  settled 105  held 0",
        "alerts at 20% 0",
        "plan pro@1  time zone Asia/Tokyo",
    ]
    later = answer(shell(*update, "pro@2", "--at-next-cycle", "--json"))
    assert later["next_plan"] == {"plan_id": "pro", "version": 2}
    assert later["cycle"]["ends_at"] == "2030-01-31T00:00:00+00:00"
    assert shell("account", "show", "new").stdout.splitlines()[2].startswith("plan pro@1, then pro")

    booked = answer(shell("addon", "add", "new", "7", "--addon", "a", "--priority", "9", "--json"))
    assert (booked["addon"]["amount"], booked["balance"]["settled"]) == ("7", "112")
    named = shell("addon", "add", "new", "1", "--outlives-cycle")
    assert named.stderr.startswith("addon ")
    assert "outlives the cycle" in named.stdout
    assert "cancelled" in shell("addon", "cancel", "new", "a").stdout
    addons = answer(shell("addon", "list", "new", "--json"))
    assert {addon["priority"] for addon in addons} == {0, 9}
    assert {addon["cancelled_at"] is None for addon in addons} == {True, False}

    fake.set_time(datetime(2030, 1, 31, tzinfo=UTC))
    turned = answer(shell("account", "update", "new", "--json"))
    assert (turned["plan"]["version"], turned["next_plan"]) == (2, None)


def test_a_link_to_the_page(shell: Shell, fake: Fake) -> None:
    url, until = shell("link", "acme", "--hours", "0.5").stdout.splitlines()
    assert url.startswith("http")
    ends = fake.now() + timedelta(minutes=30)
    assert until == f"works until {ends:%Y-%m-%d %H:%M:%S} UTC"
    site = "https://shop.example.com"
    made = answer(shell("link", "acme", "--origin", site, "--origin", f"{site}:8443", "--json"))
    assert made["url"].endswith(made["token"])
    sent: Any = fake.requests[-1]
    assert [*sent.allowed_origins] == [site, f"{site}:8443"]
    assert shell("link", "acme", "--origin", "shop").exit_code == 1


def test_alerts_and_events(shell: Shell, fake: Fake) -> None:
    put = ("plan", "put", "own@1", "--alerts", "none", "--expiry-notice", "60", "--json")
    plan = answer(shell(*put))["plan"]
    assert (plan["thresholds"], plan["expiry_notice_seconds"]) == ([], 60.0)
    update = ("account", "update", "acme")
    own = shell(*update, "--alerts", "50,20%")
    assert own.stdout.splitlines()[1] == "alerts at 50 20%, its own"
    with fake.client() as client:
        make_events(fake, client)
    shown = shell("events", "acme").stdout.splitlines()
    assert [line.split("  ")[0] for line in shown] == [str(n + 1) for n in range(len(shown))]
    told = {line.split("  ")[2]: line.split("  ")[3:] for line in shown}
    assert told["balance.low"] == ["at 2, 20%", "settled -1"]
    assert told["hold.late"] == ["late", "charged 0.5", "settled 114.5"]
    assert {"credits.exhausted", "cycle.reset", "grant.expiring"} < set(told)
    late = answer(shell("events", "acme", "--after", "1", "--json"))[0]
    assert (late["number"], late["details"]["grant_id"]) == (2, "short")
    assert "alerts at 20% 0" in shell(*update, "--plan-alerts").stdout.splitlines()


def test_a_statement(shell: Shell, fake: Fake) -> None:
    shell("charge", "acme", "2.5", "--hold", "a")
    fake.advance(seconds=86_400)
    shell("charge", "acme", "1", "--hold", "b")
    whole = answer(shell("statement", "acme", "--json"))
    assert (whole["opening"], whole["closing"]) == ("0", "96.5")
    assert [entry["amount"] for entry in whole["entries"]] == ["100", "-2.5", "-1"]
    assert whole["entries"][1]["draws"] == [
        {"grant_id": "initial", "amount": "2.5", "amount_micros": 2_500_000}
    ]
    lines = shell("statement", "acme", "--from", "2030-01-02").stdout.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("opening 97.5", "closing 96.5", 3)
    assert lines[1].endswith("charge  b  -1  settled 96.5")
    rows = list(csv.DictReader(shell("statement", "acme", "--csv").stdout.splitlines()))
    assert [row["settled"] for row in rows] == ["100", "97.5", "96.5"]
    assert (rows[2]["hold"], rows[2]["draws"], rows[2]["kind"]) == ("b", "initial=1", "CHARGE")
    assert shell("statement", "acme", "--until", "2029-01-01", "--csv").stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["reserve", "acme", "500", "--hold", "a"], 3, ""),
        (["charge", "acme", "500", "--hold", "a"], 3, ""),
        (["balance", "nobody"], 1, "ACCOUNT_NOT_FOUND"),
        (["reserve", "acme", "0.0000001"], 2, "at most 6 decimal places"),
        (["reserve", "acme", "five"], 2, "no number"),
        (["reserve", "acme", "5", "--label", "x"], 2, "KEY=VALUE"),
        (["release", "acme", "a", "--cause", "why not"], 1, "termination_cause"),
        (["--api-key", "wrong", "balance", "acme"], 1, "KEY_INVALID"),
        (
            ["--target", "127.0.0.1:1", "--patience", "0.3", "balance", "acme"],
            1,
            "Is a server running",
        ),
        (["nonsense"], 2, "No such command"),
        (["account", "update", "acme", "--plan", "pro"], 2, "such as pro@1"),
        (["account", "update", "acme", "--at-next-cycle"], 2, "--plan"),
        (["account", "update", "acme", "--alerts", "5,x%"], 2, "20%"),
        (["events", "nobody"], 1, "ACCOUNT_NOT_FOUND"),
        (["account", "update", "acme", "--plan", "pro@1"], 1, "PLAN_NOT_FOUND"),
        (["account", "update", "acme", "--time-zone", "Mars"], 1, "time_zone"),
        (["plan", "put", "pro@2"], 1, "VERSION_SKIPPED"),
        (["plan", "put", "pro@1", "--cycle", "decade"], 2, "decade"),
        (["plan", "get", "pro"], 1, "PLAN_NOT_FOUND"),
        (["addon", "add", "acme", "5", "--addon", "a"], 1, "NO_CYCLE"),
        (["addon", "cancel", "acme", "a"], 1, "ADDON_NOT_FOUND"),
        (["statement", "acme", "--csv", "--json"], 2, "not both"),
        (["statement", "acme", "--from", "2030-01-02", "--until", "2030-01-02"], 1, "until"),
    ],
)
def test_errors_help(shell: Shell, words: list[str], status: int, text: str) -> None:
    result = shell(*words)
    assert result.exit_code == status
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_outcome_has_a_status_of_its_own(fake: Fake, shell: Shell) -> None:
    fake.lose_replies(1_000)
    result = shell("--patience", "0.3", "charge", "acme", "5")
    assert result.exit_code == 4
    name = result.stderr.splitlines()[0].removeprefix("hold ")
    fake.clear_faults()
    assert answer(shell("charge", "acme", "5", "--hold", name, "--json"))["replayed"]


def test_the_environment_comes_first(fake: Fake, shell: Shell, tmp_path_factory: Any) -> None:
    nowhere = tmp_path_factory.mktemp("nowhere")
    result = shell("balance", "acme", cwd=nowhere)
    assert (result.exit_code, "no target" in result.stderr) == (1, True)
    environ = {"CREDITGATE_TARGET": fake.target, "CREDITGATE_API_KEY": "key"}
    assert shell("balance", "acme", cwd=nowhere, **environ).exit_code == 0


def test_a_local_key_is_not_sent_to_another_target(fake: Fake, shell: Shell) -> None:
    port = fake.target.rpartition(":")[2]
    result = shell("--target", f"localhost:{port}", "balance", "acme")
    assert (result.exit_code, "KEY_INVALID" in result.stderr) == (1, True)


@pytest.mark.parametrize(("name", "at"), [("bash", "1"), ("zsh", "1"), ("fish", "ba")])
def test_shells_can_complete(shell: Shell, name: str, at: str) -> None:
    assert "_CREDITGATE_COMPLETE" in shell("completion", name).stdout
    asked = {"_CREDITGATE_COMPLETE": f"{name}_complete", "COMP_WORDS": "creditgate ba"}
    assert "balance" in shell(COMP_CWORD=at, **asked).stdout


def test_every_command_has_help(shell: Shell) -> None:
    listed = shell("--help").stdout.partition("Commands:\n")[2].splitlines()
    commands = {line.split()[0] for line in listed if line.startswith("  ") and line[2] != " "}
    assert {"balance", "reserve", "extend", "commit", "release", "charge", "hold"} < commands
    assert {"grant", "account", "plan", "addon", "statement", "completion"} < commands
    for group in ("account", "plan", "addon"):
        assert "Commands:" in shell(group, "--help").stdout


def test_without_click_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['click'] = None; from creditgate.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.strip().endswith("pip install 'creditgate[cli]'")


def test_endpoints_and_deliveries(shell: Shell) -> None:
    put = ("endpoint", "put", "main", "--url", "https://hooks.example.com/")
    made = answer(shell(*put, "--kind", "balance.low", "--json"))
    assert made["endpoint"]["kinds"] == ["BALANCE_LOW"]
    line, secret = shell(*put).stdout.splitlines()
    assert line == "endpoint main  https://hooks.example.com/  all  active  secret 1"
    assert secret == f"secret {made['secret']}"
    mail = shell("endpoint", "put", "ada", "--email", "ada@example.com", "--account", "acme")
    assert mail.stdout == "endpoint ada  ada@example.com  all  account acme  active  secret 1\n"
    assert len(answer(shell("endpoint", "list", "--json"))) == 2

    turned = answer(shell("endpoint", "rotate", "main", "2", "--json"))
    assert turned["secret"] != made["secret"]
    assert shell("endpoint", "rotate", "main", "4").exit_code == 1
    assert shell("endpoint", "delete", "main").stdout == "endpoint main deleted\n"
    assert shell("endpoint", "put", "both").exit_code == 1

    assert answer(shell("delivery", "list", "--state", "dead", "--json")) == []
    assert "DELIVERY_NOT_FOUND" in shell("delivery", "retry", "acme", "1", "main").stderr
