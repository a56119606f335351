"""Explicit lists: read whoever wrote them, and nothing in one is believed that is not an address with its hash."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kernel_iso.backends import explicit
from kernel_iso.errors import SpecError

SHA = "0123456789abcdef" * 4
MD5 = SHA[:32]
URL = "https://conda.anaconda.org/conda-forge/linux-64/numpy-2.1.0-py312h1103770_0.conda"


def one(line: str) -> explicit.Artefact:
    (found,) = explicit.read(f"@EXPLICIT\n{line}\n").artefacts
    return found


class TestAddresses:
    @pytest.mark.parametrize(
        ("line", "sha256"),
        [
            (URL, ""),
            (f"{URL}#{MD5}", ""),
            (f"{URL}#md5:{MD5}", ""),
            (f"{URL}#{SHA}", SHA),
            (f"{URL}#sha256:{SHA}", SHA),
            (f"{URL}#sha256:{SHA.upper()}", SHA),
            (f"  {URL}#sha256:{SHA}\r", SHA),
        ],
    )
    def test_every_way_to_write_a_hash_is_read_and_an_md5_is_none(self, line: str, sha256: str) -> None:
        found = one(line)
        assert (found.name, found.version, found.build, found.format, found.sha256) == (
            "numpy", "2.1.0", "py312h1103770_0", ".conda", sha256,
        )  # fmt: skip
        assert (found.base, found.subdir, found.url) == (
            "https://conda.anaconda.org/conda-forge", "linux-64", URL,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("file", "parts"),
        [
            (
                "python-dateutil-2.9.0.post0-pyhff2d567_1.conda",
                ("python-dateutil", "2.9.0.post0", "pyhff2d567_1"),
            ),
            ("_libgcc_mutex-0.1-conda_forge.tar.bz2", ("_libgcc_mutex", "0.1", "conda_forge")),
            ("R-base-4.3-1!x.conda", None),
            ("x264-1!164.3095-h166bdaf_2.tar.bz2", ("x264", "1!164.3095", "h166bdaf_2")),
            ("ca-certificates-2026.1.1+local~1-0.conda", ("ca-certificates", "2026.1.1+local~1", "0")),
        ],
    )
    def test_a_file_is_a_name_a_version_and_a_build(
        self, file: str, parts: tuple[str, str, str] | None
    ) -> None:
        line = f"https://x.org/c/noarch/{file}"
        if parts is None:
            with pytest.raises(SpecError):
                one(line)
            return
        found = one(line)
        assert (found.name, found.version, found.build) == parts
        assert found.filename == file

    def test_a_login_and_a_token_are_dropped(self) -> None:
        found = one(f"https://ada:hunter2@x.org/t/ab-12-secret/team/noarch/a-1-0.conda#{SHA}")
        assert (found.base, found.url) == ("https://x.org/team", "https://x.org/team/noarch/a-1-0.conda")

    @pytest.mark.parametrize(
        "line",
        [
            "a-1-0.conda",
            "/srv/channel/noarch/a-1-0.conda",
            "https://x.org/a-1-0.conda",
            "https://x.org/c/noarch/a-1.conda",
            "https://x.org/c/noarch/a-1-0.zip",
            "https://x.org/c/noarch/..-1-0.conda",
            "https://x.org/c/noarch/.a-1-0.conda",
            "https://x.org/c/noarch/a\\b-1-0.conda",
            "https://x.org/c/noarch/%2e%2e%2fa-1-0.conda",
            "https://x.org/c/noarch/a-1%2f..-0.conda",
            "https://x.org/c/noarch/a-1-0\x00.conda",
            "https://x.org/c/noarch/a-1-0\x1b[2J.conda",
            "https://x.org/c/noarch/a-1-0\u2028.conda",
            "https://x.org/c/noarch/\N{CYRILLIC SMALL LETTER A}-1-0.conda",
            "https://x.org/c/../a-1-0.conda",
            "https://x.org/c/no arch/a-1-0.conda",
            "https://x.org/c c/noarch/a-1-0.conda",
            "https://x.org\\@evil.org/c/noarch/a-1-0.conda",
            f"https://x.org/c/noarch/a-1-0.conda#{SHA}00",
            "https://x.org/c/noarch/a-1-0.conda#sha256:",
            "https://x.org/c/noarch/a-1-0.conda#deadbeef",
            f"https://x.org/c/noarch/a-1-0.conda#{SHA}#{SHA}",
            "https://x.org/" + "c" * 3000 + "/noarch/a-1-0.conda",
            "-e https://x.org/c/noarch/a-1-0.conda",
            "numpy",
        ],
    )
    def test_what_is_no_address_of_a_package_is_refused_with_its_line(self, line: str) -> None:
        with pytest.raises(SpecError) as caught:
            explicit.read(f"# comment\n@EXPLICIT\n{line}\n")
        assert (caught.value.code, caught.value.because) == (
            "bad-lock", "line 3 is no address of a conda package",
        )  # fmt: skip


class TestTexts:
    def test_what_is_written_is_read_again(self) -> None:
        first = explicit.Artefact(
            base="https://x.org/c", subdir="noarch", name="a", version="1", build="0", format=".conda",
            sha256=SHA, role="asked", requires=("python",), size=17,
        )  # fmt: skip
        text = explicit.write(
            [first], platform="linux-64", plan="p", virtual=["__cuda >=12"], notes=["a note"]
        )
        held = explicit.read(text)
        assert held.artefacts == (first,)
        assert (held.platform, held.plan, held.virtual, held.notes) == (
            "linux-64", "p", ("__cuda >=12",), ("a note",),
        )  # fmt: skip
        assert explicit.write(
            held.artefacts, platform=held.platform, plan=held.plan, virtual=held.virtual, notes=held.notes
        ) == text  # fmt: skip

    @pytest.mark.parametrize(
        ("text", "because"),
        [
            ("", "it has no line `@EXPLICIT`"),
            (URL, "it has no line `@EXPLICIT`"),
            (f"@EXPLICIT\n{URL}\n{URL.replace('2.1.0', '2.2.0')}", "it names a package twice"),
            (f"@EXPLICIT\n{URL}\n{URL.replace('numpy', 'NumPy')}", "it names a package twice"),
            ("# kernel-iso: {\n@EXPLICIT", "line 1: the comment of kernel-iso is no JSON"),
            ("# kernel-iso: [1]\n@EXPLICIT", "line 1: the comment of kernel-iso is no table"),
            (
                "# kernel-iso: " + "[" * 100_000 + "\n@EXPLICIT",
                "line 1: the comment of kernel-iso is no JSON",
            ),
            ("# kernel-iso: " + "9" * 10_000 + "\n@EXPLICIT", "line 1: the comment of kernel-iso is no JSON"),
        ],
    )
    def test_what_is_no_list_is_refused(self, text: str, because: str) -> None:
        with pytest.raises(SpecError) as caught:
            explicit.read(text)
        assert (caught.value.code, caught.value.because) == ("bad-lock", because)

    def test_a_text_that_is_too_long_is_refused_at_once(self) -> None:
        began = time.monotonic()
        for text in ("@EXPLICIT\n" + f"{URL}\n" * 600_000, "@EXPLICIT\n" + "-" * 50_000_000):
            with pytest.raises(SpecError) as caught:
                explicit.read(text)
            assert "characters" in caught.value.because
        assert time.monotonic() - began < 5

    @pytest.mark.parametrize("piece", ["a/", "a-", "-", "http://", "#", "@", "\\", "[", "a://a/"])
    def test_the_longest_text_takes_no_longer_than_reading_it(self, piece: str) -> None:
        text = "@EXPLICIT\nhttp://" + piece * ((explicit.LIMIT - 20) // len(piece))
        began = time.monotonic()
        with pytest.raises(SpecError):
            explicit.read(text)
        assert time.monotonic() - began < 5

    def test_what_we_say_of_packages_decides_nothing(self) -> None:
        """A stranger wrote it: a wrong kind is nothing, and no text moves a terminal's cursor."""
        said = (
            '{"packages":{"numpy":{"role":"admin","size":-5,"requires":["a\\u001b[2J",3,"b"]},"x":7},'
            '"notes":["\\u001b[31mred","plain",{}],"virtual":"__cuda","plan":{}}'
        )
        held = explicit.read(f"# kernel-iso: {said}\n@EXPLICIT\n{URL}")
        (found,) = held.artefacts
        assert (found.role, found.size, found.requires) == ("", 0, ("b",))
        assert (held.notes, held.virtual, held.plan) == (("plain",), (), "")

    def test_a_comment_ends_where_its_line_ends(self) -> None:
        for mark in "\x0b\x0c\x1c\x85\u2028\u2029":
            assert explicit.read(f"# comment{mark}{URL}\n@EXPLICIT\n").artefacts == ()

    @settings(deadline=1000)
    @given(st.text(max_size=400))
    @example("@EXPLICIT\n" + URL + "#" + SHA)
    def test_no_text_raises_anything_else(self, text: str) -> None:
        for whole in (text, f"@EXPLICIT\n{text}", f"# kernel-iso: {text}\n@EXPLICIT\n{URL}"):
            with suppress(SpecError):
                explicit.read(whole)

    @settings(deadline=1000)
    @given(
        st.lists(st.sampled_from(["http://", "file:///", "x.org", "/", "..", "%2e%2e", "noarch", "linux-64", "a", "-", "1",
                                  ".conda", ".tar.bz2", "#", "sha256:", SHA, MD5, "\\", "\x00", "\n", " ", "@", ":"]),
                 max_size=20)
    )  # fmt: skip
    def test_what_is_read_is_a_plain_name_below_its_channel(self, pieces: list[str]) -> None:
        with suppress(SpecError):
            for each in explicit.read("@EXPLICIT\n" + "".join(pieces)).artefacts:
                assert "/" not in each.filename
                assert "\\" not in each.filename
                assert not each.filename.startswith(".")
                assert each.filename.isprintable()
                assert "/" not in each.subdir
                assert ".." not in each.subdir
                assert len(each.sha256) in (0, 64)
