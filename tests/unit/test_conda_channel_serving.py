"""The conda channel that tests make is served as channels are, and can fail as they do."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import conda_channel
import pytest
from conda_channel import Fault, Served


class TestServing:
    @pytest.fixture
    def house(self, tiny_channel: Path) -> Iterator[Served]:
        with conda_channel.served(tiny_channel, "me", "secret") as house:
            yield house

    def test_it_asks_for_a_login(self, house: Served, tmp_path: Path) -> None:
        with pytest.raises(Exception, match="401"):
            conda_channel.solved(house.url, "greeting", cache=tmp_path)

        conda_channel.installed(house.url_with_login, tmp_path / "prefix", "greeting", cache=tmp_path)

        assert house.packages == ["greeting-1.0-0.conda"]
        assert {(each.status, each.login) for each in house.requests} == {(401, ""), (200, "me:secret")}

    def test_a_token_in_the_address_will_do(self, tiny_channel: Path, tmp_path: Path) -> None:
        with conda_channel.served(tiny_channel, "me", "secret", secret="tk-1") as house:
            conda_channel.installed(house.url_with_secret, tmp_path / "p", "greeting", cache=tmp_path)

        assert {each.login for each in house.requests} == {"tk-1"}

    @pytest.mark.parametrize(
        ("switches", "answered"),
        [
            ({}, "repodata_shards.msgpack.zst"),
            ({"sharded": False}, "repodata.json.zst"),
            ({"sharded": False, "compressed": False}, "repodata.json"),
        ],
    )
    def test_kinds_of_repodata_can_be_hidden(
        self, tiny_channel: Path, tmp_path: Path, switches: dict[str, bool], answered: str
    ) -> None:
        with conda_channel.served(tiny_channel, **switches) as house:
            found = conda_channel.solved(house.url, "green 1.*", cache=tmp_path)

        sent = {each.path.rpartition("/")[2] for each in house.requests if each.status == 200}
        assert "green" in [record.name.normalized for record in found]
        assert {name for name in sent if name.startswith("repodata")} == {answered}

    @pytest.mark.parametrize(
        "fault",
        [Fault(status=404), Fault(content=b"nonsense")],
        ids=["missing", "other"],
    )
    def test_a_fault_makes_it_fail(self, tiny_channel: Path, tmp_path: Path, fault: Fault) -> None:
        with conda_channel.served(tiny_channel) as house:
            house.faults["greeting"] = fault
            with pytest.raises(Exception, match="greeting"):
                conda_channel.installed(house.url, tmp_path / "prefix", "greeting", cache=tmp_path)

    def test_a_download_can_be_cut_and_held(self, served_channel: Served) -> None:
        served_channel.faults["greeting"] = Fault(cut=True, times=1)
        served_channel.faults["green"] = Fault(held=True)
        address = f"{served_channel.url}/noarch/greeting-1.0-0.conda"

        with urllib.request.urlopen(address) as response, pytest.raises(http.client.IncompleteRead):
            response.read()
        with urllib.request.urlopen(address) as response:
            assert len(response.read()) == int(response.headers["Content-Length"])
        with urllib.request.urlopen(f"{served_channel.url}/noarch/green-2.0-pyhiso_0.conda") as response:
            assert response.read(10).startswith(b"PK")
            served_channel.faults["green"].release()
            assert response.read()

    def test_a_package_of_equal_size_with_other_bytes_is_found_out(
        self, tiny_channel: Path, tmp_path: Path
    ) -> None:
        (path,) = conda_channel.packages(tiny_channel, "greeting")

        channel = conda_channel.tampered(tiny_channel, tmp_path / "channel", "greeting")

        (changed,) = conda_channel.packages(channel, "greeting")
        assert changed.stat().st_size == path.stat().st_size
        with (
            conda_channel.served(channel) as house,
            pytest.raises(Exception, match="hash mismatch"),
        ):
            conda_channel.installed(house.url, tmp_path / "prefix", "greeting", cache=tmp_path)
        # From a folder nobody looks: whoever installs from one must.
        conda_channel.installed(channel, tmp_path / "evil", "greeting", cache=tmp_path / "other")
        assert (tmp_path / "evil" / "share" / "tampered.txt").exists()
