from __future__ import annotations

from pathlib import Path

import pytest

from creditgate_server.bounds import Within
from creditgate_server.settings import Settings, SettingsError, options

ENVIRON = {
    "CREDITGATE_DATABASE_URL": "postgresql://u:hunter2@db/credits",
    "CREDITGATE_KEY_PEPPER": "p" * 32,
}


def read(**more: str) -> Settings:
    return Settings.from_env(ENVIRON | {f"CREDITGATE_{k.upper()}": v for k, v in more.items()})


def problem(**more: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(**more)
    return str(caught.value)


def test_defaults_are_right_and_two_settings_are_required() -> None:
    settings = read()
    assert settings.listen == "127.0.0.1:50051"
    assert settings.call_deadline_default_ms == 2_000
    for variable in ENVIRON:
        rest = {name: value for name, value in ENVIRON.items() if name != variable}
        with pytest.raises(SettingsError, match=f"^{variable}: is not set"):
            Settings.from_env(rest)


def test_each_type_is_read() -> None:
    settings = read(lanes="5", trace_ratio="0.5", reflection="off", log_level="debug", workers=" ")
    assert (settings.lanes, settings.trace_ratio, settings.reflection) == (5, 0.5, False)
    assert (settings.log_level, settings.workers) == ("debug", 1)


def test_every_number_has_bounds_and_both_are_kept() -> None:
    numbers = [option for option in options() if option.kind in {int, float}]
    assert len(numbers) > 20
    for option in numbers:
        assert isinstance(option.check, Within), option.name
        for wrong in (option.check.low - 1, option.check.high + 1):
            text = problem(**{option.name: str(wrong)})
            assert text.startswith(f"{option.variable}: must be {option.check.low} to ")


@pytest.mark.parametrize(
    ("setting", "value", "text"),
    [
        ("lanes", "many", "CREDITGATE_LANES: must be a whole number, got 'many'"),
        ("lanes", "1.5", "CREDITGATE_LANES: must be a whole number, got '1.5'"),
        ("trace_ratio", "nan", "CREDITGATE_TRACE_RATIO: must be 0.0 to 1.0, got nan"),
        ("reflection", "maybe", "CREDITGATE_REFLECTION: must be true or false, got 'maybe'"),
        ("log_level", "loud", "CREDITGATE_LOG_LEVEL: must be one of debug, info, warning, error"),
        ("listen", "50051", "CREDITGATE_LISTEN: must be host:port"),
        ("listen", "127.0.0.1:65536", "CREDITGATE_LISTEN: must be host:port"),
        ("metrics_listen", "9464", "CREDITGATE_METRICS_LISTEN: must be host:port"),
        ("key_pepper", "short", "CREDITGATE_KEY_PEPPER: must have at least 32 characters"),
        ("database_url", "mysql://x", "CREDITGATE_DATABASE_URL: must be a URL that begins with"),
        ("tls_cert_file", "/none/x.pem", "CREDITGATE_TLS_CERT_FILE: there is no file /none/x.pem"),
        ("lane_reserve_queue_max", "5000", "must be at most CREDITGATE_LANE_QUEUE_MAX"),
        ("call_deadline_default_ms", "6000", "must be at most CREDITGATE_CALL_DEADLINE_MAX_MS"),
        ("retention_days", "89", "CREDITGATE_RETENTION_DAYS: must be 0 or at least 90, got 89"),
        ("listen", "0.0.0.0:50051", "in the clear: set CREDITGATE_TLS_CERT_FILE"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    setting: str, value: str, text: str
) -> None:
    assert text in problem(**{setting: value})


def test_keys_never_travel_in_the_clear_unless_told_so(tmp_path: Path) -> None:
    pem = tmp_path / "some.pem"
    pem.touch()
    for local in ("localhost:1", "[::1]:1", "127.8.9.1:0"):
        assert read(listen=local).listen == local
    assert read(listen="0.0.0.0:1", allow_plaintext="true").allow_plaintext
    assert read(listen="[::]:1", tls_cert_file=str(pem), tls_key_file=str(pem)).tls_key_file == pem


def test_tls_files_come_together(tmp_path: Path) -> None:
    pem = tmp_path / "some.pem"
    pem.touch()
    assert "set both or neither" in problem(tls_cert_file=str(pem))
    assert "set both or neither" in problem(tls_key_file=str(pem))
    assert "needs CREDITGATE_TLS_CERT_FILE" in problem(tls_client_ca_file=str(pem))


def test_a_copy_is_checked_too() -> None:
    assert read().with_(lanes=2).lanes == 2
    with pytest.raises(SettingsError, match="CREDITGATE_LANES"):
        read().with_(lanes=0)


def test_the_description_shows_no_secret_and_has_a_meaning_for_everything() -> None:
    rows = read().describe()
    assert len(rows) == len(options())
    assert not any("hunter2" in value or "ppp" in value for _, value, _ in rows)
    assert "hunter2" not in repr(read())
    assert "ppp" not in repr(read())
    assert all(meaning for _, _, meaning in rows)
    assert ("CREDITGATE_LANES", "2", "batches under way at once in a process") in rows
