"""What a conda lock from somebody else may try."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conda_channel import Served, served
from conda_desk import Desk, artefacts

from kernel_iso.backends import conda
from kernel_iso.errors import ImpossibleError, IsoError, SpecError, ToolError
from kernel_iso.model import Part


@pytest.fixture
def other(tiny_channel: Path) -> Iterator[Served]:
    """A channel that nobody allowed."""
    with served(tiny_channel) as house:
        yield house


def refused(desk: Desk, text: str, **more: str) -> IsoError:
    """Why a text is not installed. Nothing is left of it."""
    with pytest.raises(IsoError) as caught:
        desk.realise(desk.plan("green"), Part(text=text, kind="conda", **more))
    assert not (desk.folder / "prefix").exists()
    assert not list(desk.folder.rglob("green-2.0*")), "something was fetched"
    return caught.value


class TestStrangers:
    def test_an_address_of_another_channel_is_refused_and_not_visited(
        self, desk: Desk, other: Served
    ) -> None:
        text = desk.lock("green").parts[0].text.replace(desk.channel, other.url)
        error = refused(desk, text)
        assert (type(error), error.code) == (ImpossibleError, "lock-not-allowed")
        assert other.url in error.because
        assert other.requests == []

    @pytest.mark.parametrize(
        "change",
        ["/../x", "/./", "%2f..%2fx", "/%2e%2e/x", "/sub", "?x=", "@evil.example.org/c"],
    )
    def test_an_address_that_only_begins_like_the_channel_is_refused(self, desk: Desk, change: str) -> None:
        text = desk.lock("green").parts[0].text.replace(desk.channel, desk.channel + change)
        assert refused(desk, text).code in {"lock-not-allowed", "bad-lock"}

    def test_a_login_in_it_is_not_used_or_shown(self, desk: Desk, other: Served) -> None:
        url = other.url.replace("://", "://ada:hunter2@")
        error = refused(desk, desk.lock("green").parts[0].text.replace(desk.channel, url))
        assert error.code == "lock-not-allowed"
        assert "hunter2" not in str(error) + desk.said
        assert other.requests == []

    def test_a_package_for_another_kind_of_machine_is_refused(self, desk: Desk) -> None:
        text = desk.lock("green").parts[0].text.replace("/noarch/green", "/win-64/green")
        error = refused(desk, text)
        assert (type(error), error.code) == (ImpossibleError, "lock-does-not-fit")
        assert "`green` is for win-64" in error.because

    @pytest.mark.parametrize("how", ["md5", "none"])
    def test_a_package_without_a_sha256_is_refused(self, desk: Desk, how: str) -> None:
        lock = desk.lock("green")
        sha256 = artefacts(lock)["green"].sha256
        text = lock.parts[0].text.replace(f"#sha256:{sha256}", f"#{sha256[:32]}" if how == "md5" else "")
        error = refused(desk, text)
        assert (type(error), error.code) == (ToolError, "no-hash")

    def test_two_packages_of_one_name_are_refused(self, desk: Desk) -> None:
        text = desk.lock("green").parts[0].text
        line = next(line for line in text.splitlines() if "/green-2.0" in line)
        error = refused(desk, text + line.replace("green-2.0-pyhiso_0.conda", "green-1.0-pyhiso_0.tar.bz2"))
        assert (type(error), error.code) == (SpecError, "bad-lock")

    def test_another_hash_is_another_package(self, desk: Desk) -> None:
        lock = desk.lock("green")
        text = lock.parts[0].text.replace(artefacts(lock)["green"].sha256, "0" * 64)
        assert refused(desk, text).code == "hash-mismatch"

    def test_a_package_under_anothers_name_is_refused(self, desk: Desk) -> None:
        """The file `blue-2.0` is not where the channel has `green`, whatever its hash."""
        lock = desk.lock("blue")
        held = artefacts(lock)
        text = lock.parts[0].text.replace(held["green"].sha256, held["blue"].sha256)
        assert refused(desk, text).code == "hash-mismatch"

    def test_a_lock_of_wheels_is_none_of_conda(self, desk: Desk) -> None:
        with pytest.raises(ImpossibleError) as caught:
            desk.realise(desk.plan("green"), Part(text=desk.lock("green").parts[0].text))
        assert caught.value.code == "lock-does-not-fit"

    @pytest.mark.parametrize(
        "text", ["", "hello", "@EXPLICIT\n../../x", "@EXPLICIT\nfile:///etc/passwd", "x" * 50_000_000]
    )
    def test_text_that_is_no_lock_is_refused(self, desk: Desk, text: str) -> None:
        assert refused(desk, text).code == "bad-lock"

    def test_what_a_stranger_says_of_sizes_is_no_reason_to_fill_the_disk(self, desk: Desk) -> None:
        text = desk.lock("green").parts[0].text
        assert refused(desk, re.sub('"size":[0-9]+', '"size":999999999999999', text)).code == "no-space"
        desk.realise(desk.plan("green"), Part(text=re.sub('"size":[0-9]+', '"size":-9', text), kind="conda"))

    def test_asking_for_link_scripts_visits_no_stranger_either(self, desk: Desk, other: Served) -> None:
        text = desk.lock("green").parts[0].text.replace(desk.channel, other.url)
        with pytest.raises(ImpossibleError) as caught:
            conda.link_scripts(desk.plan("green"), Part(text=text, kind="conda"), desk.run)
        assert (caught.value.code, other.requests) == ("lock-not-allowed", [])
