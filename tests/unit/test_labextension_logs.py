"""The recorded logs that jest replays are what the engine tells: strict Events, in order, each with its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel_iso.model import Event

LOGS = Path(__file__).parent.parent / "logs"


def events(name: str) -> list[Event]:
    """The events of a recorded log; a field that the wire does not know is an error."""
    lines = (LOGS / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()
    return [Event.from_text(line) for line in lines]


def test_there_is_a_log_for_every_way_a_start_ends() -> None:
    assert sorted(path.stem for path in LOGS.glob("*.ndjson")) == ["cancelled", "conflict", "made"]


@pytest.mark.parametrize("name", ["cancelled", "conflict", "made"])
def test_events_come_in_order_and_begin_with_a_lock(name: str) -> None:
    told = events(name)
    assert [event.at for event in told] == sorted({event.at for event in told})
    assert (told[0].phase, told[0].text.split()[0]) == ("lock", "resolving")


def test_a_start_that_succeeds_counts_its_packages_and_is_ready() -> None:
    told = events("made")
    counts = [(event.done, event.total) for event in told if event.total]
    assert counts == [(0, 2), (2, 2)]
    assert [(event.phase, event.text) for event in told[-2:]] == [
        ("realise", "ready"),
        ("launch", "the kernel has started"),
    ]


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [("conflict", "conflict", "no-versions-fit"), ("cancelled", "cancelled", "cancelled")],
)
def test_a_start_that_fails_ends_with_its_error(name: str, kind: str, code: str) -> None:
    *before, last = events(name)
    assert last.error is not None
    assert (last.error["kind"], last.error["code"]) == (kind, code)
    assert [event.error for event in before] == [None] * len(before)


def test_nothing_in_them_is_of_the_machine_that_recorded_them() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in LOGS.glob("*.ndjson"))
    assert [word for word in ("/tmp", "/home/", "/root/", "127.0.0.1") if word in text] == []
