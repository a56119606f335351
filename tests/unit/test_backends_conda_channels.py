"""How channels are read: their kinds of lists, who is let in, mirrors, and channels that do not answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conda_channel import Fault, Served, served
from conda_desk import Desk, artefacts, say, versions

from kernel_iso.errors import IsoError, ToolError

SECRET = "hunter2-is-secret"


def written(folder: Path) -> Iterator[Path]:
    """The files below a folder that somebody could have written a word into."""
    return (path for path in folder.rglob("*") if path.is_file() and path.stat().st_size < 10**6)


def leaks(desk: Desk, *more: str) -> list[str]:
    """Where the secret is: in what was said, in these texts, in the cache or the prefix."""
    texts = [text for text in (desk.said, *more) if SECRET in text]
    folders = (Path(desk.cache), *(path for path in desk.folder.iterdir() if path != desk.home))
    return texts + [
        str(path) for folder in folders for path in written(folder) if SECRET.encode() in path.read_bytes()
    ]


@pytest.fixture
def locked(tiny_channel: Path) -> Iterator[Served]:
    """A channel that asks for a login."""
    with served(tiny_channel, "ada", SECRET) as house:
        yield house


class TestLists:
    @pytest.mark.parametrize(
        ("sharded", "compressed", "read"),
        [
            (True, True, "repodata_shards.msgpack.zst"),
            (False, True, "repodata.json.zst"),
            (False, False, "repodata.json"),
        ],
    )
    def test_every_kind_is_read(
        self, desk: Desk, served_channel: Served, sharded: bool, compressed: bool, read: str
    ) -> None:
        served_channel.sharded, served_channel.compressed = sharded, compressed
        lock = desk.lock("blue", channels=(served_channel.url,))
        assert versions(lock) == {"blue": "2.0", "green": "2.0"}
        assert {each.base for each in artefacts(lock).values()} == {served_channel.url}
        good = {each.path.rpartition("/")[2] for each in served_channel.requests if each.status == 200}
        assert read in good

    def test_a_list_that_is_cut_off_is_asked_for_again(self, desk: Desk, served_channel: Served) -> None:
        served_channel.sharded = served_channel.compressed = False
        served_channel.faults["repodata.json"] = Fault(cut=True, times=1)
        assert versions(desk.lock("green", channels=(served_channel.url,))) == {"green": "2.0"}

    @pytest.mark.parametrize("status", [503, pytest.param(500, marks=pytest.mark.slow)])
    def test_a_server_that_fails_is_named(self, desk: Desk, served_channel: Served, status: int) -> None:
        served_channel.faults["repodata"] = Fault(status=status)
        with pytest.raises(ToolError) as caught:
            desk.lock("green", channels=(served_channel.url,))
        assert caught.value.code == "channel-unreachable"
        assert f"127.0.0.1:{served_channel.port}" in caught.value.because
        assert str(status) in caught.value.because

    @pytest.mark.parametrize("text", [b"not json", b"{}", b'{"packages": 3}', b"\0" * 100])
    def test_a_list_that_is_none_is_said(self, desk: Desk, served_channel: Served, text: bytes) -> None:
        served_channel.sharded = served_channel.compressed = False
        served_channel.faults["repodata.json"] = Fault(content=text)
        with pytest.raises(IsoError) as caught:
            desk.lock("green", channels=(served_channel.url,))
        # What is a list without packages has no `green`.
        assert caught.value.code == ("no-such-package" if text == b"{}" else "lock-failed")

    def test_a_channel_that_is_not_there_is_named(self, desk: Desk, served_channel: Served) -> None:
        for url in (f"{served_channel.url}/nowhere", "file:///nowhere/at/all", "http://127.0.0.1:9/channel"):
            with pytest.raises(ToolError) as caught:
                desk.lock("green", channels=(url,))
            assert caught.value.code == "channel-unreachable"
            assert url in caught.value.because


class TestLogins:
    def test_those_in_the_condarc_open_it_and_are_nowhere_else(self, desk: Desk, locked: Served) -> None:
        desk.condarc(f"channels: ['{locked.url_with_login}']\n")
        plan = desk.plan("blue", channels=(locked.url,))
        lock = desk.lock("blue", channels=(locked.url,))
        python = desk.realise(plan, lock)
        assert say(python, "import blue; print(blue.__version__)") == "2.0"
        assert {each.login for each in locked.requests if each.status == 200} == {f"ada:{SECRET}"}
        assert leaks(desk, lock.to_text()) == []

    def test_those_of_netrc_do_too(self, desk: Desk, locked: Served) -> None:
        netrc = desk.home / ".netrc"
        netrc.write_text(f"machine 127.0.0.1 login ada password {SECRET}\n", encoding="utf-8")
        netrc.chmod(0o600)
        lock = desk.lock("green", channels=(locked.url,))
        assert versions(lock) == {"green": "2.0"}
        assert leaks(desk, lock.to_text()) == []

    def test_those_in_an_address_are_not_written_down(self, desk: Desk, locked: Served) -> None:
        desk.condarc(f"channels: ['{locked.url_with_login}']\n")
        lock = desk.lock("green", channels=(locked.url_with_login,))
        assert {each.base for each in artefacts(lock).values()} == {locked.url}
        assert leaks(desk, lock.to_text()) == []

    @pytest.mark.parametrize("login", ["", "ada:wrong"])
    def test_without_the_right_one_the_channel_that_asks_is_named(
        self, desk: Desk, locked: Served, login: str
    ) -> None:
        desk.condarc(f"channels: ['{locked.url.replace('://', f'://{login}@')}']\n" if login else "")
        with pytest.raises(ToolError) as caught:
            desk.lock("green", channels=(locked.url,))
        assert caught.value.code == "channel-refused"
        assert f"127.0.0.1:{locked.port}" in caught.value.because
        assert "401" in caught.value.because

    def test_packages_that_ask_are_refused_too(self, desk: Desk, locked: Served) -> None:
        desk.condarc(f"channels: ['{locked.url_with_login}']\n")
        plan = desk.plan("green", channels=(locked.url,))
        lock = desk.lock("green", channels=(locked.url,))
        desk.condarc("")
        with pytest.raises(ToolError) as caught:
            desk.realise(plan, lock)
        assert caught.value.code == "channel-refused"

    def test_a_token_in_the_path_opens_it_and_is_nowhere_else(self, desk: Desk, tiny_channel: Path) -> None:
        with served(tiny_channel, secret=SECRET, user="nobody", password="at-all") as house:
            desk.condarc(f"channels: ['{house.url_with_secret}']\n")
            plan = desk.plan("green", channels=(house.url,))
            lock = desk.lock("green", channels=(house.url,))
            desk.realise(plan, lock)
            assert {each.base for each in artefacts(lock).values()} == {house.url}
            assert {each.login for each in house.requests if each.status == 200} == {SECRET}
            assert leaks(desk, lock.to_text()) == []

    def test_a_login_goes_to_no_other_channel_of_the_server(self, desk: Desk, served_channel: Served) -> None:
        elsewhere = served_channel.url.replace("/channel", "/other").replace("://", f"://ada:{SECRET}@")
        desk.condarc(f"channels: ['{elsewhere}']\n")
        assert versions(desk.lock("green", channels=(served_channel.url,))) == {"green": "2.0"}
        assert {each.login for each in served_channel.requests} == {""}


class TestMirrors:
    def test_the_lock_names_the_public_place_and_the_mirror_is_asked(
        self, desk: Desk, served_channel: Served
    ) -> None:
        desk.condarc(f"mirrored_channels:\n  conda-forge: ['{served_channel.url}']\n")
        plan = desk.plan("green", channels=("conda-forge",))
        lock = desk.lock("green", channels=("conda-forge",))
        assert {each.base for each in artefacts(lock).values()} == {"https://conda.anaconda.org/conda-forge"}
        python = desk.realise(plan, lock)
        assert any("green-2.0" in name for name in served_channel.packages)
        assert desk.inspect(python)["green"].channel == "conda-forge"

    def test_a_mirror_that_fails_is_followed_by_the_next(
        self, desk: Desk, served_channel: Served, tiny_channel: Path
    ) -> None:
        desk.condarc(
            f"mirrored_channels:\n  conda-forge: ['{served_channel.url}', '{tiny_channel.as_uri()}']\n"
        )
        plan = desk.plan("green", channels=("conda-forge",))
        lock = desk.lock("green", channels=("conda-forge",))
        served_channel.faults["green-2.0"] = Fault(status=404)
        assert say(desk.realise(plan, lock), "import green; print(green.__version__)") == "2.0"

    def test_what_a_mirror_changed_is_not_installed(self, desk: Desk, served_channel: Served) -> None:
        desk.condarc(f"mirrored_channels:\n  conda-forge: ['{served_channel.url}']\n")
        plan = desk.plan("green", channels=("conda-forge",))
        lock = desk.lock("green", channels=("conda-forge",))
        served_channel.faults["green-2.0"] = Fault(content=b"something else")
        with pytest.raises(ToolError) as caught:
            desk.realise(plan, lock)
        assert caught.value.code == "hash-mismatch"
        assert not (desk.folder / "prefix").exists()
