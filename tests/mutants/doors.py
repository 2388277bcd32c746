"""Bugs of the web page's doors."""

from __future__ import annotations

from tests.mutants.mutant import SERVER, Mutant

PAGE = SERVER + "dashboard/"
DOORS = "tests/unit/dashboard/test_doors.py::"
LIVE = "tests/unit/dashboard/test_live.py::"

MUTANTS_OF_DOORS = (
    Mutant(
        "a link that never ends",
        PAGE + "visitors.py",
        "if account.balance.as_of >= link.expires_at:",
        "if account.balance.as_of.year >= 9999:",
        DOORS + "test_a_link_is_embedded_where_it_says_also_once_it_has_ended",
    ),
    Mutant(
        "a link that outlives its key",
        PAGE + "visitors.py",
        "if account is None or holder is None or holder.tenant_id != link.tenant_id:",
        "if account is None:",
        DOORS + "test_a_link_ends_with_its_key_and_with_what_that_may_do",
    ),
    Mutant(
        "links that anybody can write",
        SERVER + "domain/seals.py",
        "if not hmac.compare_digest(signature, self._signature(payload, about)):",
        "if len(signature) != self._signature_bytes:",
        "tests/unit/test_links.py::"
        "test_what_was_signed_for_another_purpose_or_by_another_is_no_link",
    ),
    Mutant(
        "one signature for every purpose",
        SERVER + "domain/seals.py",
        'hmac.digest(secret.encode(), purpose.encode(), "sha256")',
        'hmac.digest(secret.encode(), b"any purpose", "sha256")',
        "tests/unit/test_links.py::"
        "test_what_was_signed_for_another_purpose_or_by_another_is_no_link",
    ),
    Mutant(
        "every site may show the page",
        PAGE + "security.py",
        """(" ".join(origins) or "'none'")""",
        """(" ".join(origins) or "*")""",
        DOORS + "test_what_is_shown_is_escaped_and_nothing_else_may_run",
    ),
    Mutant(
        "a session that waits for ever",
        PAGE + "sessions.py",
        "over = idle >= self._idle_seconds or age >= self._max_seconds",
        "over = age >= self._max_seconds",
        DOORS + "test_a_session_ends_when_nothing_is_done_and_some_day_anyway",
    ),
    Mutant(
        "an open page that keeps its session alive",
        PAGE + "account.py",
        "is_seen=_BY_HAND in request.headers",
        "is_seen=True",
        DOORS + "test_what_a_page_does_by_itself_keeps_no_session_alive",
    ),
    Mutant(
        "forms from anywhere",
        PAGE + "security.py",
        "if origin is not None and urlsplit(origin).netloc not in own:",
        "if not own:",
        DOORS + "test_forms_are_taken_from_pages_of_ours_alone[headers4-403]",
    ),
    Mutant(
        "any secret of a known key",
        PAGE + "keyholders.py",
        "return _holder(record) if right else None",
        "return _holder(record) if right or key_id else None",
        DOORS + "test_keys_are_believed_for_a_while_and_no_longer",
    ),
    Mutant(
        "after logging in, anywhere",
        PAGE + "entrance.py",
        "return place if path in _PLACES and len(place) <= _NEXT_LENGTH_MAX else HOME",
        "return place or HOME",
        DOORS + "test_after_logging_in_one_stays_here[//evil.example-/accounts]",
    ),
    Mutant(
        "a page that is told although it may not be",
        PAGE + "live.py",
        "if follower.topic.absent or not await _still(allowed):",
        "if follower.topic.absent:",
        LIVE + "test_a_page_whose_account_or_right_is_gone_is_told_so",
    ),
)
