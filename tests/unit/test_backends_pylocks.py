"""Locks as texts: what is written, what is read back, what is refused."""

from __future__ import annotations

import tomllib

import pytest
from packaging.pylock import PackageWheel

from kernel_iso.backends import pylocks, vetting, wheels
from kernel_iso.backends.pylocks import Pick
from kernel_iso.errors import ConflictError, ImpossibleError, SpecError, ToolError
from kernel_iso.model import Index, Part, Plan, Python

SHA = {"sha256": "0" * 64}
MAIN = Index(name="main", url="https://index.example.org/simple")


def plan(*requirements: str, **more: object) -> Plan:
    python = Python(version="3.12.1", path="")
    return Plan(backend="uv", python=python, requirements=requirements, indexes=(MAIN,), **more)  # type: ignore[arg-type]


def wheel(filename: str, **more: object) -> PackageWheel:
    fields = {"url": f"https://files.example.org/{filename}", "hashes": SHA, **more}
    return PackageWheel(**fields)  # type: ignore[arg-type]


def pick(name: str, *filenames: str, requires: str = "") -> Pick:
    found = filenames or (f"{name}-1.0-py3-none-any.whl",)
    return Pick(
        name=name,
        version="1.0",
        wheels=tuple(wheel(each) for each in found),
        requires=frozenset(requires.split()),
        index=MAIN.url,
    )


class TestWheels:
    @pytest.mark.parametrize(
        ("filename", "minor", "machine", "expected"),
        [
            ("x-1-py3-none-any.whl", "3.9", "windows-x86_64", True),
            ("x-1-py2.py3-none-any.whl", "3.13", "linux-x86_64", True),
            ("x-1-py2-none-any.whl", "3.12", "linux-x86_64", False),
            ("x-1-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "3.12", "linux-x86_64", True),
            ("x-1-cp313-abi3-manylinux_2_17_x86_64.whl", "3.12", "linux-x86_64", False),
            ("x-1-cp312-cp312-manylinux_2_39_x86_64.whl", "3.12", "linux-x86_64", True),
            ("x-1-cp312-cp312-manylinux_2_39_aarch64.whl", "3.12", "linux-x86_64", False),
            ("x-1-cp312-cp312-linux_x86_64.whl", "3.12", "linux-x86_64", True),
            ("x-1-cp313-cp313t-manylinux_2_28_x86_64.whl", "3.13", "linux-x86_64", False),
            ("x-1-cp312-cp312-macosx_11_0_arm64.whl", "3.12", "macos-arm64", True),
            ("x-1-cp312-cp312-macosx_10_9_universal2.whl", "3.12", "macos-arm64", True),
            ("x-1-cp312-cp312-macosx_10_9_x86_64.whl", "3.12", "macos-arm64", False),
            ("x-1-cp312-cp312-win_amd64.whl", "3.12", "windows-x86_64", True),
            ("x-1-cp312-cp312-win_arm64.whl", "3.12", "windows-x86_64", False),
            ("x-1-cp312-cp312-win_amd64.whl", "3.12", "plan9-x86_64", False),
            ("nonsense.whl", "3.12", "linux-x86_64", False),
        ],
    )
    def test_a_wheel_fits_its_python_and_its_machine(
        self, filename: str, minor: str, machine: str, expected: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wheels, "_musl", lambda: False)
        assert wheels.fits(filename, minor, machine) is expected

    @pytest.mark.parametrize(("family", "expected"), [("musllinux_1_2", True), ("manylinux_2_28", False)])
    def test_a_machine_with_musl_takes_only_its_own(
        self, family: str, expected: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wheels, "_musl", lambda: True)
        monkeypatch.setattr(wheels, "here", lambda: "linux-x86_64")
        assert wheels.fits(f"x-1-cp312-cp312-{family}_x86_64.whl", "3.12", "linux-x86_64") is expected

    @pytest.mark.parametrize(
        ("system", "machine", "expected"),
        [
            ("Linux", "x86_64", "linux-x86_64"),
            ("Linux", "aarch64", "linux-aarch64"),
            ("Darwin", "arm64", "macos-arm64"),
            ("Windows", "AMD64", "windows-x86_64"),
            ("Windows", "ARM64", "windows-arm64"),
        ],
    )
    def test_a_machine_has_one_tag(self, system: str, machine: str, expected: str) -> None:
        assert wheels.tag(system, machine) == expected


class TestRequirements:
    @pytest.mark.parametrize(
        "text", ["numpy>=", "-r other.txt", "--index-url https://a.example.org", "a\n-e .", "../x", "a/b", ""]
    )
    def test_what_is_no_requirement_is_refused(self, text: str) -> None:
        with pytest.raises(SpecError) as caught:
            pylocks.requirement(text)
        assert caught.value.code == "bad-requirement"

    @pytest.mark.parametrize(
        "text",
        ["a @ file:///tmp/a", "a @ git+https://example.org/a", "a @ https://ada:hunter2@example.org/a.whl"],
    )
    def test_an_address_is_refused_without_its_secrets(self, text: str) -> None:
        with pytest.raises(ImpossibleError) as caught:
            pylocks.requirement(text)
        assert caught.value.code == "url-not-allowed"
        assert "hunter2" not in str(caught.value)


class TestText:
    def test_a_text_is_sorted_clean_and_round(self) -> None:
        credentials = wheel(
            "b-1.0-py3-none-any.whl", url="https://ada:hunter2@files.example.org/b-1.0-py3-none-any.whl"
        )
        b = Pick(
            name="b",
            version="1.0",
            wheels=(credentials,),
            index="https://ada:hunter2@index.example.org/simple",
        )
        picks = pylocks.chosen([b, pick("a", requires="b gone")], plan("A"), "linux-x86_64")
        text = pylocks.text(picks, plan("A"), "linux-x86_64", asked=["a"], companions=["b"])
        assert "hunter2" not in text
        assert [(each.name, each.role, each.requires) for each in pylocks.packages(text)] == [
            ("a", "asked", ("b",)),
            ("b", "companion", ()),
        ]
        data = tomllib.loads(text)
        assert data["created-by"] == "kernel-iso"
        assert data["requires-python"] == "==3.12.*"
        assert data["packages"][1]["index"] == MAIN.url

    def test_only_wheels_that_can_run_are_kept(self) -> None:
        names = (
            "a-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
            "a-1.0-cp312-cp312-win_amd64.whl",
            "a-1.0.zip.whl",
        )
        [found] = pylocks.chosen([pick("a", *names)], plan("a"), "linux-x86_64")
        assert [each.filename for each in found.wheels] == [names[0]]

    def test_a_package_without_such_a_wheel_is_refused(self) -> None:
        with pytest.raises(ImpossibleError) as caught:
            pylocks.chosen([pick("a", "a-1.0-cp312-cp312-win_amd64.whl")], plan("a"), "linux-x86_64")
        assert caught.value.code == "no-wheel-here"

    def test_a_wheel_without_sha_256_is_refused(self) -> None:
        weak = Pick(name="a", version="1.0", wheels=(wheel("a-1.0-py3-none-any.whl", hashes={"md5": "0"}),))
        with pytest.raises(ToolError) as caught:
            pylocks.chosen([weak], plan("a"), "linux-x86_64")
        assert caught.value.code == "no-hash"

    def test_hashes_speak_of_their_package_only(self) -> None:
        rules = (("A", ("sha256:" + "1" * 64,)),)
        assert pylocks.chosen([pick("b")], plan("b", hashes=rules), "linux-x86_64")
        with pytest.raises(ConflictError) as caught:
            pylocks.chosen([pick("a")], plan("a", hashes=rules), "linux-x86_64")
        assert caught.value.code == "hash-not-allowed"

    def test_a_lock_of_another_tool_is_read(self) -> None:
        text = 'lock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "a"\nversion = "1"\n'
        text += 'wheels = [{url = "https://files.example.org/a-1-py3-none-any.whl", size = 7, hashes = {sha256 = "0"}}]'
        assert [(each.name, each.version, each.role, each.size) for each in pylocks.packages(text)] == [
            ("a", "1", "", 7)
        ]

    def test_a_cycle_is_no_trouble(self) -> None:
        picks = [pick("a", requires="b"), pick("b", requires="a"), pick("c")]
        assert pylocks.reachable(picks, ["a"]) == {"a", "b"}


class TestVetting:
    def part(self, *picks: Pick, companions: tuple[str, ...] = ()) -> Part:
        return Part(text=pylocks.text(picks, plan("a"), wheels.here(), companions=companions))

    def test_what_is_wanted_is_names_versions_and_hashes(self) -> None:
        assert vetting.wanted(self.part(pick("a"), pick("b")), plan("a")) == (
            vetting.Wanted(name="a", version="1.0", hashes=("0" * 64,)),
            vetting.Wanted(name="b", version="1.0", hashes=("0" * 64,)),
        )

    def test_markers_decide_what_is_wanted_here(self) -> None:
        text = self.part(pick("a")).text.replace(
            'version = "1.0"', 'version = "1.0"\nmarker = "os_name == \'amiga\'"'
        )
        assert vetting.wanted(Part(text=text), plan("a")) == ()

    def test_hashes_do_not_speak_of_the_kernel(self) -> None:
        rules = plan("a", hashes=(("b", ("sha256:" + "1" * 64,)),))
        assert len(vetting.wanted(self.part(pick("b"), companions=("b",)), rules)) == 1
        with pytest.raises(ConflictError):
            vetting.wanted(self.part(pick("b")), rules)

    def test_the_same_package_twice_does_not_fit(self) -> None:
        with pytest.raises(ImpossibleError) as caught:
            vetting.wanted(self.part(pick("a"), pick("a")), plan("a"))
        assert caught.value.code == "lock-does-not-fit"

    def test_an_index_is_known_by_its_meaning(self) -> None:
        text = self.part(pick("a")).text.replace(MAIN.url, "HTTPS://index.example.org:443/simple/")
        assert len(vetting.wanted(Part(text=text), plan("a"))) == 1

    def test_an_address_that_is_no_web_address_is_refused(self) -> None:
        text = self.part(pick("a")).text.replace("https://files.example.org", "file:///etc")
        with pytest.raises(ImpossibleError) as caught:
            vetting.wanted(Part(text=text), plan("a"))
        assert caught.value.code == "lock-not-allowed"

    def test_a_package_without_version_is_refused(self) -> None:
        text = self.part(pick("a")).text.replace('version = "1.0"\n', "", 1)
        with pytest.raises((ImpossibleError, SpecError)) as caught:
            vetting.wanted(Part(text=text), plan("a"))
        assert caught.value.code in ("lock-not-allowed", "bad-lock")
