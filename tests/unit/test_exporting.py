"""Exports: their bytes, what they refuse, and what never leaves the machine."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed
from packaging.pylock import Pylock

from kernel_iso import exporting
from kernel_iso.backends import condalocks, pylocks
from kernel_iso.engine import foreign
from kernel_iso.errors import ImpossibleError, IsoError, SpecError
from kernel_iso.exporting import Conda, Content, Exported, File, Pin, Source
from kernel_iso.model import PYPI, Index, Spec
from kernel_iso.notebooks import environment_yml, requirements

GOLDEN = Path(__file__).parents[1] / "golden" / "exporting"
FORGE = "https://conda.anaconda.org/conda-forge"
TORCH = "https://download.pytorch.org/whl"
FILES = "https://files.example.org/packages"


def _sum(letter: str) -> str:
    return letter * 64


def _file(name: str, letter: str = "a") -> File:
    return File(url=f"{FILES}/{name}", sha256=_sum(letter), size=1000)


def _pin(name: str, version: str, *files: File, **more: Any) -> Pin:
    files = files or (_file(f"{name}-{version}-py3-none-any.whl"),)
    return Pin(name=name, version=version, files=files, **{"index": PYPI.url, **more})


def _torch(tag: str, letter: str) -> Content:
    wheel = _file(f"torch-2.9.1%2B{tag}-cp312-cp312-manylinux_2_28_x86_64.whl", letter)
    return Content(
        platform="linux-x86_64", accelerator=tag,
        pypi=(
            _pin("filelock", "3.20.0"),
            _pin("pip", "26.3", role="companion"),
            _pin("torch", f"2.9.1+{tag}", wheel, index=f"{TORCH}/{tag}", role="asked", requires=("filelock",)),
        ),
    )  # fmt: skip


WHEELS = Source(
    name="train", python="3.12",
    spec=Spec(requirements=("torch>=2.9",), python="3.12", env=(("OMP_NUM_THREADS", "4"),), constraints=("filelock<4",)),
    contents=(_torch("cu126", "b"), _torch("cpu", "c")), indexes=(PYPI,),
)  # fmt: skip

PACKAGES = (
    Conda(
        name="numpy", version="2.1.0", build="py312h1103770_0", base=FORGE, subdir="linux-64", sha256=_sum("1"),
        md5="1" * 32, size=8_123_456, role="asked", requires=("python",), license="BSD-3-Clause", timestamp=1724000000000,
        depends=("python >=3.12,<3.13.0a0", "__glibc >=2.17,<3.0.a0", "python_abi 3.12.* *_cp312"),
    ),
    Conda(
        name="python", version="3.12.7", build="hc5c86c4_0_cpython", base=FORGE, subdir="linux-64", sha256=_sum("2"),
        md5="2" * 32, size=31_000_000, role="asked", depends=("tzdata",), requires=("tzdata",),
        constrains=("python_abi 3.12.* *_cp312",),
    ),
    Conda(
        name="seqtk", version="1.4", build="h577a1d6_3", base="https://conda.anaconda.org/bioconda", subdir="linux-64",
        format=".tar.bz2", sha256=_sum("3"), md5="3" * 32, depends=(),
    ),
    Conda(
        name="tzdata", version="2025b", build="h78e105d_0", base=FORGE, subdir="noarch", sha256=_sum("4"), md5="4" * 32,
        depends=(), noarch="generic",
    ),
)  # fmt: skip
CONDA = Source(
    name="maps", python="3.12", channels=("conda-forge", "bioconda"), conda=True,
    spec=Spec(
        conda=("numpy>=2", "bioconda::seqtk"), requirements=('polars[pandas]>=1 ; python_version >= "3.9"',), python="3.12",
        channels=("conda-forge", "bioconda"), env=(("OMP_NUM_THREADS", "4"), ("TZ", "UTC")), backend="conda",
    ),
    contents=(
        Content(
            platform="linux-x86_64", subdir="linux-64", conda=PACKAGES,
            pypi=(
                _pin(
                    "polars", "1.2.3", _file("polars-1.2.3-cp39-abi3-manylinux_2_28_x86_64.whl", "d"),
                    _file("polars-1.2.3-cp39-abi3-manylinux_2_17_x86_64.whl", "e"), role="asked", requires=("six",),
                ),
                _pin("six", "1.17.0"),
            ),
        ),
    ),
    indexes=(PYPI,),
)  # fmt: skip
ONLY_CONDA = replace(CONDA, contents=(replace(CONDA.contents[0], pypi=()),))

CASES: dict[str, tuple[Source, str, dict[str, bool]]] = {
    "wheels-environment": (WHEELS, "environment.yml", {}),
    "wheels-environment-asked": (WHEELS, "environment.yml", {"history": True}),
    "wheels-pylock": (WHEELS, "pylock.toml", {}),
    "wheels-requirements": (WHEELS, "requirements.txt", {}),
    "wheels-requirements-minimal": (WHEELS, "requirements.txt", {"minimal": True}),
    "conda-environment": (CONDA, "environment.yml", {}),
    "conda-environment-no-builds": (CONDA, "environment.yml", {"builds": False}),
    "conda-environment-asked": (CONDA, "environment.yml", {"history": True}),
    "conda-lock": (CONDA, "conda-lock", {}),
    "conda-pixi": (CONDA, "pixi.lock", {}),
    "conda-explicit": (ONLY_CONDA, "explicit", {}),
}


def _made(name: str) -> Exported:
    source, form, options = CASES[name]
    return exporting.export(source, form, **options)


def _whole(made: Exported) -> str:
    """Every file and every note, as the golden files have them."""
    parts = [f"==== {name}\n{text}" for name, text in made.files.items()]
    return "".join(parts) + "==== notes\n" + "".join(f"{note}\n" for note in made.notes)


@pytest.mark.parametrize("name", CASES)
def test_an_export_is_byte_for_byte(name: str) -> None:
    """The files in tests/golden/exporting were read by people, and by the tools that own the formats."""
    assert _whole(_made(name)) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert _made(name) == _made(name)


def test_every_format_has_a_golden_file() -> None:
    assert {form for _, form, _ in CASES.values()} == {*exporting.FORMATS}
    assert {path.stem for path in GOLDEN.iterdir()} == {*CASES}


# What was written is read again ---------------------------------------------------------------------------


def test_what_was_asked_is_asked_again() -> None:
    """environment.yml with the wishes only is the same Spec to our own reader."""
    text = _made("conda-environment-asked").files["environment.yml"]
    read = environment_yml.parse(text, "environment.yml")
    assert read.meaning() == changed(CONDA.spec, requirements=read.requirements).meaning()
    assert read.requirements == ('polars[pandas]>=1; python_version >= "3.9"',)


def test_a_full_environment_asks_for_everything_in_its_version_and_build() -> None:
    read = environment_yml.parse(_made("conda-environment").files["environment.yml"], "environment.yml")
    assert read.python == "3.12.7"
    assert read.conda == (
        "numpy=2.1.0=py312h1103770_0",
        "bioconda::seqtk=1.4=h577a1d6_3",
        "tzdata=2025b=h78e105d_0",
    )
    assert read.requirements == ("polars==1.2.3", "six==1.17.0")
    assert read.env == CONDA.spec.env


def test_requirements_with_hashes_allow_these_files_only() -> None:
    plain = replace(WHEELS, contents=(Content(platform="linux-x86_64", pypi=(_pin("six", "1.17.0"),)),))
    text = exporting.export(plain, "requirements.txt").files["requirements.txt"]
    read = requirements.parse(text, "requirements.txt")
    assert read.requirements == ("six==1.17.0",)
    assert read.hashes == (("six", (f"sha256:{_sum('a')}",)),)


def test_a_pylock_is_valid_and_read_as_pins() -> None:
    for text in _made("wheels-pylock").files.values():
        lock = Pylock.from_dict(tomllib.loads(text))
        lock.validate()
        assert [str(each.name) for each in lock.packages] == ["filelock", "pip", "torch"]
        assert {each.name: each.role for each in pylocks.packages(text)} == {
            "filelock": "", "pip": "companion", "torch": "asked",
        }  # fmt: skip
    main = foreign.parse(_made("wheels-pylock").files["pylock.toml"], "pylock.toml")
    assert main.versions == ("filelock==3.20.0", "pip==26.3", "torch==2.9.1+cu126")


def test_conda_lock_is_read_as_what_was_exported() -> None:
    found = condalocks.read("conda-lock.yml", _made("conda-lock").files["conda-lock.yml"], "linux-64")
    assert [each.url for each in found.artefacts] == [each.url for each in PACKAGES]
    assert [each.sha256 for each in found.artefacts] == [each.sha256 for each in PACKAGES]
    assert [(each.name, each.version, each.sha256) for each in found.wheels] == [
        ("polars", "1.2.3", _sum("e")), ("six", "1.17.0", _sum("a")),
    ]  # fmt: skip
    assert (found.python, found.channels) == ("3.12.7", ("conda-forge", "bioconda"))


def test_an_explicit_list_is_read_as_what_was_exported() -> None:
    found = condalocks.read("explicit.txt", _made("conda-explicit").files["explicit.txt"], "linux-64")
    assert [(each.url, each.sha256) for each in found.artefacts] == [
        (each.url, each.sha256) for each in PACKAGES
    ]


# What is refused ------------------------------------------------------------------------------------------

LOCAL = replace(
    CONDA, contents=(replace(CONDA.contents[0], conda=(replace(PACKAGES[0], base="file:///srv/c"),)),)
)
PRIVATE = replace(
    WHEELS,
    contents=(Content(platform="linux-x86_64", pypi=(_pin("ours", "1", index="https://ada:pw@nexus.example.org/simple"),)),),
    indexes=(PYPI, Index(name="corp", url="https://nexus.example.org/simple/")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("source", "form", "options", "code", "words"),
    [
        (CONDA, "explicit", {}, "format-cannot-hold", "polars, six come from PyPI"),
        (WHEELS, "explicit", {}, "format-cannot-hold", "no packages of conda"),
        (WHEELS, "conda-lock", {}, "format-cannot-hold", "no Python among them"),
        (WHEELS, "pixi.lock", {}, "format-cannot-hold", "no Python among them"),
        (CONDA, "pylock.toml", {}, "format-cannot-hold", "numpy, python, seqtk and 1 more are conda's"),
        (CONDA, "requirements.txt", {}, "format-cannot-hold", "are conda's packages"),
        (
            CONDA,
            "requirements.txt",
            {"minimal": True},
            "format-cannot-hold",
            "numpy>=2, bioconda::seqtk are asked",
        ),
        (LOCAL, "conda-lock", {}, "local-address", "a channel that is a folder"),
        (LOCAL, "pixi.lock", {}, "local-address", "a channel that is a folder"),
        (
            replace(LOCAL, contents=(replace(LOCAL.contents[0], pypi=()),)),
            "explicit",
            {},
            "local-address",
            "a folder",
        ),
        (PRIVATE, "pylock.toml", {}, "private-address", "ours comes from `corp`"),
        (WHEELS, "word", {}, "unknown-format", "environment.yml"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_with_the_reason(
    source: Source, form: str, options: dict[str, bool], code: str, words: str
) -> None:
    with pytest.raises(IsoError) as caught:
        exporting.export(source, form, **options)
    assert caught.value.code == code
    assert words in caught.value.because


def _with(**more: Any) -> Source:
    return replace(
        CONDA, contents=(replace(CONDA.contents[0], conda=(replace(PACKAGES[0], **more),), pypi=()),)
    )


@pytest.mark.parametrize(
    ("source", "form", "words"),
    [
        (_with(md5=""), "conda-lock", "an MD5 of every package, and numpy 2.1.0 has none"),
        (_with(sha256=""), "explicit", "nobody recorded a SHA-256 of numpy, only an MD5"),
        (_with(depends=None), "pixi.lock", "numpy 2.1.0 is in no channel any more"),
    ],
)
def test_what_nobody_recorded_is_said(source: Source, form: str, words: str) -> None:
    with pytest.raises(ImpossibleError) as caught:
        exporting.export(source, form)
    assert words in caught.value.because


def test_what_was_installed_from_an_address_has_no_hash() -> None:
    pin = Pin(name="ours", version="1", address="git+https://example.org/ours@abc")
    source = replace(WHEELS, contents=(Content(platform="linux-x86_64", pypi=(pin,)),))
    for form in ("pylock.toml", "requirements.txt"):
        with pytest.raises(ImpossibleError) as caught:
            exporting.export(source, form)
        assert "ours 1 was installed from an address" in caught.value.because
    text = exporting.export(source, "environment.yml").files["environment.yml"]
    assert "- ours @ git+https://example.org/ours@abc" in text


@pytest.mark.parametrize("text", ["ours @ file:///home/ada/ours", "ours @ ../ours"])
def test_a_wish_for_a_place_of_this_machine_is_refused(text: str) -> None:
    source = replace(WHEELS, spec=Spec(requirements=(text,)))
    for form, options in (("environment.yml", {"history": True}), ("requirements.txt", {"minimal": True})):
        with pytest.raises(ImpossibleError) as caught:
            exporting.export(source, form, **options)
        assert caught.value.code == "local-address"


# What never leaves ----------------------------------------------------------------------------------------


def test_a_private_index_is_named_and_its_address_stays() -> None:
    made = exporting.export(PRIVATE, "requirements.txt")
    assert "nexus" not in _whole(made)
    assert any("`corp`" in note for note in made.notes)


def test_a_private_index_goes_along_where_the_person_says_so_but_no_login() -> None:
    made = exporting.export(replace(PRIVATE, addresses=True), "requirements.txt")
    assert "--extra-index-url https://nexus.example.org/simple\n" in made.files["requirements.txt"]
    assert "pw" not in _whole(made)
    assert "pw" not in _whole(exporting.export(replace(PRIVATE, addresses=True), "pylock.toml"))


def test_secrets_and_paths_among_the_variables_are_left_out_and_said() -> None:
    env = (("WANDB_API_KEY", "hunter2"), ("HF_TOKEN", "hunter2"), ("HF_HOME", "/home/ada/hf"), ("TZ", "UTC"))
    source = replace(CONDA, spec=changed(CONDA.spec, env=env), home="/home/ada")
    made = exporting.export(source, "environment.yml", history=True)
    assert "variables:\n  TZ: UTC\n" in made.files["environment.yml"]
    assert "hunter2" not in _whole(made)
    assert "ada" not in _whole(made)
    assert [re.findall(r"variable (\w+)", note)[0] for note in made.notes] == [
        "WANDB_API_KEY",
        "HF_TOKEN",
        "HF_HOME",
    ]


def test_a_channel_that_is_a_folder_is_left_out_and_said() -> None:
    made = exporting.export(LOCAL, "environment.yml")
    assert "srv" not in _whole(made)
    assert any("a channel that is a folder" in note for note in made.notes)


def test_nodefaults_stays_in_an_environment() -> None:
    source = replace(CONDA, channels=("conda-forge", "nodefaults"))
    text = exporting.export(source, "environment.yml", history=True).files["environment.yml"]
    assert environment_yml.parse(text, "e.yml").channels == ("conda-forge", "nodefaults")
    assert "nodefaults" not in exporting.export(source, "conda-lock").files["conda-lock.yml"]


_LOGIN = "https://ada:hunter2@"


def _spoiled(place: str) -> Source:
    """A source with a secret or a path of this machine in one place."""
    conda, (package, *rest) = CONDA.contents[0], PACKAGES
    pin = conda.pypi[0]
    file = replace(pin.files[0], url=f"{_LOGIN}files.example.org/polars-1.2.3-py3-none-any.whl?token=hunter2")
    options: dict[str, Callable[[], Source]] = {
        "base": lambda: replace(CONDA, contents=(
            replace(conda, conda=(replace(package, base=f"{_LOGIN}nexus.example.org/t/hunter2/team"), *rest)),)),
        "channel": lambda: replace(CONDA, channels=(f"{_LOGIN}nexus.example.org/t/hunter2/team",)),
        "folder": lambda: replace(CONDA, channels=("/home/ada/channel", "~/c", "file:///home/ada/channel")),
        "file": lambda: replace(CONDA, contents=(replace(conda, pypi=(replace(pin, files=(file,)),)),)),
        "index": lambda: replace(CONDA, contents=(
            replace(conda, pypi=(replace(pin, index=f"{_LOGIN}nexus.example.org/simple"),)),)),
        "requirement": lambda: replace(
            CONDA, spec=changed(CONDA.spec, requirements=(f"ours @ {_LOGIN}x.example.org/o.whl",))),
        "git": lambda: replace(
            CONDA, spec=changed(CONDA.spec, requirements=("ours @ git+https://hunter2@x.example.org/ours@v1",))),
        "variable": lambda: replace(CONDA, spec=changed(CONDA.spec, env=(("TZ", f"{_LOGIN}example.org"),))),
        "home": lambda: replace(CONDA, spec=changed(CONDA.spec, env=(("HF_HOME", "/home/ada/x"),))),
        "address": lambda: replace(CONDA, contents=(
            replace(conda, pypi=(Pin(name="o", version="1", address=f"{_LOGIN}x.example.org/o.whl"),)),)),
    }  # fmt: skip
    return replace(
        options[place](),
        home="/home/ada",
        indexes=(Index(name="corp", url=f"{_LOGIN}nexus.example.org/simple"),),
    )


PLACES = (
    "base", "channel", "folder", "file", "index", "requirement", "git", "variable", "home", "address",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", exporting.FORMATS)
@pytest.mark.parametrize("addresses", [True, False])
@pytest.mark.parametrize("asked", [True, False])
def test_no_secret_and_no_path_ever_leaves(place: str, form: str, addresses: bool, asked: bool) -> None:
    """Wherever it lies: it is left out, or the export is refused, by an error that does not tell it either."""
    source = replace(_spoiled(place), addresses=addresses)
    try:
        told = _whole(exporting.export(source, form, history=asked, minimal=asked))
    except IsoError as error:
        told = str(error)
    assert "hunter2" not in told
    assert "/home/ada" not in told


_WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)


@settings(deadline=None, max_examples=150)
@given(user=_WORD, form=st.sampled_from(exporting.FORMATS), value=_WORD, host=_WORD, asked=st.booleans())
def test_no_home_ever_leaves(user: str, form: str, value: str, host: str, asked: bool) -> None:
    """Whatever the person is called, and whichever variable or requirement has their folder in it."""
    home = f"/home/{user}"
    spec = changed(
        CONDA.spec, env=(("HF_HOME", f"{home}/{value}"),),
        requirements=(f"ours @ https://{host}.example.org/ours-1-py3-none-any.whl?from={home}/x",),
    )  # fmt: skip
    try:
        told = _whole(
            exporting.export(replace(CONDA, spec=spec, home=home), form, history=asked, minimal=asked)
        )
    except IsoError as error:
        told = str(error)
    assert home not in told


def test_an_address_with_a_login_is_no_error_where_it_can_be_left_out() -> None:
    made = exporting.export(_spoiled("requirement"), "environment.yml", history=True)
    assert "- ours @ https://x.example.org/o.whl" in made.files["environment.yml"]
    assert "left out: the login in the address of ours" in made.notes


def test_a_wheel_of_an_unknown_index_is_private_where_there_is_a_private_one() -> None:
    content = Content(platform="linux-x86_64", pypi=(_pin("ours", "1", index=""),))
    assert exporting.export(replace(WHEELS, contents=(content,)), "pylock.toml")
    with pytest.raises(ImpossibleError) as caught:
        exporting.export(replace(PRIVATE, contents=(content,)), "pylock.toml")
    assert caught.value.code == "private-address"


def test_a_lock_has_a_part_for_each_platform_and_says_which_it_leaves_out() -> None:
    """Of two accelerators on one platform the first is taken, which is this machine's."""
    here, mac = CONDA.contents[0], {"platform": "macos-arm64", "subdir": "osx-arm64"}
    there = tuple(
        replace(each, subdir="osx-arm64" if each.subdir != "noarch" else "noarch") for each in PACKAGES
    )
    contents = (here, replace(here, accelerator="cpu"), replace(here, conda=there, pypi=(), **mac))
    for form in ("conda-lock", "pixi.lock"):
        made = exporting.export(replace(CONDA, contents=contents), form)
        assert "left out: the part for cpu on linux-64, for there is one for a platform" in made.notes
        ((name, text),) = made.files.items()
        assert ("osx-arm64/numpy-2.1.0" in text, text.count("six-1.17.0") > 0) == (True, True)
        if form == "conda-lock":
            found = condalocks.read(name, text, "osx-arm64")
            assert [each.url for each in found.artefacts] == [each.url for each in there]
            assert found.wheels == ()


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        exporting.export(CONDA, "x" * 1000)
    assert len(caught.value.what) < 100
