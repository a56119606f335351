"""Locks of conda-lock, pixi and conda, read: what they hold, and every way in which they are broken."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel_iso.backends import condalocks
from kernel_iso.backends.condalocks import Foreign, Wheel
from kernel_iso.errors import ImpossibleError, IsoError, SpecError
from kernel_iso.processes import Tools

FORGE = "https://conda.anaconda.org/conda-forge"
SUM = "a" * 64

NUMPY: dict[str, Any] = {
    "name": "numpy", "version": "2.1.0", "manager": "conda", "platform": "linux-64",
    "dependencies": {"python": ">=3.12", "__glibc": ">=2.17", "libblas": ""},
    "url": f"{FORGE}/linux-64/numpy-2.1.0-py312h1103770_0.conda", "hash": {"md5": "b" * 32, "sha256": SUM},
    "category": "main", "optional": False,
}  # fmt: skip
PYTHON = {
    **NUMPY, "name": "python", "version": "3.12.7", "dependencies": {},
    "url": f"{FORGE}/linux-64/python-3.12.7-hc5c86c4_0_cpython.conda",
}  # fmt: skip
POLARS: dict[str, Any] = {
    "name": "polars", "version": "1.2.3", "manager": "pip", "platform": "linux-64", "dependencies": {"numpy": "*"},
    "url": "https://files.example.org/polars-1.2.3-cp39-abi3-manylinux_2_17_x86_64.whl", "hash": {"sha256": SUM},
    "category": "main", "optional": False,
}  # fmt: skip


def _lock(*packages: object, **more: object) -> str:
    metadata = {
        "content_hash": {"linux-64": "0"}, "channels": [{"url": "conda-forge", "used_env_vars": []}],
        "platforms": ["linux-64"], "sources": ["environment.yml"],
    }  # fmt: skip
    return yaml.safe_dump(
        {"version": 1, "metadata": metadata, "package": list(packages), **more}, sort_keys=False
    )


def _read(text: str, name: str = "conda-lock.yml", subdir: str = "linux-64") -> Foreign:
    return condalocks.read(name, text, subdir)


def _refused(text: str, name: str = "conda-lock.yml") -> IsoError:
    with pytest.raises(IsoError) as caught:
        _read(text, name)
    assert len(str(caught.value).splitlines()) == 3
    return caught.value


# conda-lock -----------------------------------------------------------------------------------------------


def test_a_conda_lock_is_its_main_packages_for_the_platform() -> None:
    """Other platforms and optional categories are left out; dependencies are names of what is there."""
    other = {**NUMPY, "platform": "osx-arm64", "url": f"{FORGE}/osx-arm64/numpy-2.1.0-py312_0.conda"}
    dev = {**NUMPY, "name": "black", "category": "dev", "optional": True}
    virtual = {**NUMPY, "name": "__glibc"}
    found = _read(_lock(NUMPY, PYTHON, POLARS, other, dev, virtual))
    assert [each.filename for each in found.artefacts] == [
        "numpy-2.1.0-py312h1103770_0.conda", "python-3.12.7-hc5c86c4_0_cpython.conda",
    ]  # fmt: skip
    assert found.artefacts[0].requires == ("python",)
    assert found.wheels == (Wheel(name="polars", version="1.2.3", sha256=SUM),)
    assert (found.python, found.channels, found.platform) == ("3.12.7", ("conda-forge",), "linux-64")


def test_a_lock_that_repeats_itself_by_reference_is_read() -> None:
    """PyYAML writes an object that comes twice as an alias."""
    same = {"sha256": SUM, "md5": "b" * 32}
    text = _lock({**NUMPY, "hash": same}, {**PYTHON, "hash": same})
    assert "*id001" in text
    assert len(_read(text).artefacts) == 2


def test_a_login_in_an_address_is_forgotten() -> None:
    url = NUMPY["url"].replace("://", "://ada:hunter2@").replace("/conda-forge", "/t/hunter2/conda-forge")
    assert _read(_lock({**NUMPY, "url": url})).artefacts[0].url == NUMPY["url"]


def test_an_md5_is_no_hash_that_counts() -> None:
    assert _read(_lock({**NUMPY, "hash": {"md5": "b" * 32}})).artefacts[0].sha256 == ""


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", "no list `package`"),
        ("[]", "no list `package`"),
        ("version: 1\npackage: {}\n", "no list `package`"),
        ("version: 1\npackage: [\n", "line 3, column 1"),
        ("version: 1\n\tpackage: []\n", "line 2"),
        ("version: 2\npackage: []\n", "version 2 of conda-lock's format"),
        ("package: []\n", "version None"),
        ("version: 1\npackage: []\nmetadata: 7\n", "metadata"),
        ("a: " + "[" * 500, "too deeply"),
        (_lock("numpy"), "package 1"),
        (_lock(NUMPY, {"name": "x"}), "package 2: Object missing required field"),
        (_lock({**NUMPY, "name": ["numpy"]}), "$.name"),
        (_lock({**NUMPY, "manager": "npm"}), "package 1: `manager`"),
        (_lock({**NUMPY, "hash": {}}), "package 1: it has no hash"),
        (_lock({**NUMPY, "hash": {"sha256": "zz", "md5": "b" * 32}}), "package 1: it has no hash"),
        (_lock({**NUMPY, "url": "https://x.org/numpy.zip"}), "package 1: its address"),
        (_lock({**NUMPY, "url": NUMPY["url"] + "\nhttps://x.org/c/noarch/a-1-0.conda"}), "package 1: its address"),
        (_lock({**NUMPY, "url": f"{FORGE}/linux-64/pandas-2.1.0-0.conda"}), "its address is not that of numpy 2.1.0"),
        (_lock({**NUMPY, "url": NUMPY["url"].replace("2.1.0", "2.0.0")}), "its address is not that of numpy 2.1.0"),
        (_lock({**NUMPY, "url": "https://$TOKEN@x.org/c/linux-64/$A-2.1.0-0.conda"}), "has variables in it"),
        (_lock({**POLARS, "name": "../../etc"}), "package 1: its name"),
        (_lock({**POLARS, "version": "1; import os"}), "is no version"),
        (_lock({**POLARS, "hash": {"sha256": "zz"}}), "package 1: polars has no SHA-256, or a broken one"),
        (_lock(POLARS, {**POLARS, "name": "Polars"}), "names a package from PyPI twice"),
        (_lock(NUMPY, NUMPY), "names the package numpy twice"),
    ],
)  # fmt: skip
def test_a_broken_conda_lock_is_an_error_that_says_where(text: str, because: str) -> None:
    error = _refused(text)
    assert error.code == "bad-lock"
    assert because in error.because


def test_a_lock_for_other_platforms_says_for_which() -> None:
    with pytest.raises(ImpossibleError) as caught:
        _read(_lock(NUMPY), subdir="win-64")
    assert caught.value.code == "lock-does-not-fit"
    assert "it is for linux-64, and win-64 is needed" in caught.value.because


def test_a_package_of_another_platform_is_refused() -> None:
    error = _refused(_lock({**NUMPY, "url": f"{FORGE}/osx-64/numpy-2.1.0-py312h1103770_0.conda"}))
    assert error.code == "lock-does-not-fit"


def test_a_package_from_an_address_is_refused() -> None:
    error = _refused(_lock({**POLARS, "source": {"type": "url", "url": "https://example.org/x.whl"}}))
    assert error.code == "url-not-allowed"


def test_aliases_cannot_make_a_small_text_large() -> None:
    """A billion laughs: ten levels of ten references each."""
    lines = ["a0: &a0 {x: y}"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    text = "\n".join(
        [*lines, "version: 1", "metadata: *a11", "package:", "- *a11", "- {name: *a11, hash: *a11}"]
    )
    start = time.monotonic()
    assert _refused(text).code == "bad-lock"
    assert time.monotonic() - start < 2
    loop = "version: 1\npackage:\n- &a {name: x, hash: *a, version: '1', manager: conda, platform: linux-64, url: u}\n"
    assert _refused(loop).code == "bad-lock"


def test_a_text_that_is_too_long_is_not_parsed() -> None:
    start = time.monotonic()
    for name in ("conda-lock.yml", "pixi.lock", "explicit.txt"):
        assert "characters" in _refused("x" * 50_000_000, name).because
    assert time.monotonic() - start < 2


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["conda", "pip", "linux-64", SUM]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NUMPY, "md5", "sha256", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)  # fmt: skip


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(base=st.sampled_from([NUMPY, POLARS]), key=st.sampled_from([*NUMPY]), value=_VALUES)
def test_any_value_in_any_place_is_read_or_refused(base: dict[str, Any], key: str, value: object) -> None:
    try:
        found = _read(_lock({**base, key: value}))
    except (SpecError, ImpossibleError):
        return
    assert all(each.url.startswith(FORGE) or "://" in each.url for each in found.artefacts)


def _lines(text: str, name: str) -> int:
    """How many lines the error has, 0 where there is none."""
    try:
        _read(text, name)
    except (SpecError, ImpossibleError) as error:
        return len(str(error).splitlines())
    return 0


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=200) | st.text("abc:-[]{}&*!|>'\"# \n\t0", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for name in ("conda-lock.yml", "explicit.txt"):
        assert _lines(text, name) in (0, 3)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2000), st.binary(max_size=3))
def test_a_cut_or_spoiled_lock_is_read_or_refused(place: int, junk: bytes) -> None:
    text = _lock(NUMPY, PYTHON, POLARS)
    spoiled = text[:place] + junk.decode("latin-1") + text[place + len(junk) :]
    for each in (spoiled, text[:place]):
        assert _lines(each, "conda-lock.yml") in (0, 3)


# Explicit lists -------------------------------------------------------------------------------------------

LIST = f"""\
# platform: linux-64
@EXPLICIT
{NUMPY["url"]}#sha256:{SUM}
{PYTHON["url"]}#{"b" * 32}
# pip polars @ https://files.example.org/polars-1.2.3-cp39-abi3-manylinux_2_17_x86_64.whl#sha256={SUM}
# pip torch @ https://files.example.org/torch-2.9.1%2Bcpu-cp312-cp312-linux_x86_64.whl#sha256={SUM}
"""


def test_an_explicit_list_may_hold_what_pip_installs() -> None:
    """As conda-lock and micromamba write it."""
    found = _read(LIST, "explicit.txt")
    assert [(each.name, each.sha256) for each in found.artefacts] == [("numpy", SUM), ("python", "")]
    assert found.wheels == (
        Wheel(name="polars", version="1.2.3", sha256=SUM),
        Wheel(name="torch", version="2.9.1+cpu", sha256=SUM),
    )
    assert (found.python, found.channels) == ("3.12.7", ("conda-forge",))


@pytest.mark.parametrize(
    ("text", "code", "because"),
    [
        (LIST.replace("@EXPLICIT", ""), "bad-lock", "no line `@EXPLICIT`"),
        (LIST.replace("# platform: linux-64", "# platform: osx-64"), "lock-does-not-fit", "it is for osx-64"),
        (LIST.replace("linux-64/numpy", "win-64/numpy"), "lock-does-not-fit", "numpy is for win-64"),
        (LIST.replace("# pip polars @ ", "# pip pandas @ "), "bad-lock", "line 5 is no package"),
        (LIST.replace("# pip polars @ https://", "# pip polars @ ./"), "bad-lock", "line 5"),
        (LIST + "rm -rf /\n", "bad-lock", "line 7 is no address"),
        (LIST + NUMPY["url"] + "\n", "bad-lock", "names a package twice"),
    ],
)
def test_a_broken_list_is_an_error_that_says_where(text: str, code: str, because: str) -> None:
    error = _refused(text, "explicit.txt")
    assert error.code == code
    assert because in error.because


# pixi's ---------------------------------------------------------------------------------------------------

PIXI = f"""\
version: 6
environments:
  default:
    channels:
    - url: {FORGE}/
    indexes:
    - https://pypi.org/simple
    packages:
      linux-64:
      - conda: {NUMPY["url"]}
      - conda: {PYTHON["url"]}
      - pypi: {POLARS["url"]}
packages:
- conda: {NUMPY["url"]}
  sha256: {SUM}
  depends:
  - python >=3.12
  - libblas >=3.9
  size: 17
- conda: {PYTHON["url"]}
  sha256: {SUM}
  depends: []
- pypi: {POLARS["url"]}
  name: polars
  version: 1.2.3
  sha256: {SUM}
"""


def _tools() -> Tools:
    return Tools(dict(os.environ), emit=lambda event: None, phase="test")


def _pixi(text: str, subdir: str = "linux-64") -> Foreign:
    return condalocks.read("work/pixi.lock", text, subdir, _tools())


def test_a_pixi_lock_is_read_by_py_rattler() -> None:
    found = _pixi(PIXI)
    assert [(each.name, each.sha256, each.requires) for each in found.artefacts] == [
        ("numpy", SUM, ("python",)), ("python", SUM, ()),
    ]  # fmt: skip
    assert found.wheels == (Wheel(name="polars", version="1.2.3", sha256=SUM),)
    assert (found.python, found.channels) == ("3.12.7", ("conda-forge",))


@pytest.mark.parametrize("version", [4, 5])
def test_older_pixi_locks_are_read(version: int) -> None:
    text = f"""\
version: {version}
metadata: {{}}
environments:
  default:
    channels:
    - url: {FORGE}/
    packages:
      linux-64:
      - conda: {NUMPY["url"]}
packages:
- kind: conda
  name: numpy
  version: 2.1.0
  build: py312h1103770_0
  subdir: linux-64
  url: {NUMPY["url"]}
  sha256: {SUM}
"""
    assert [each.url for each in _pixi(text).artefacts] == [NUMPY["url"]]


def test_what_py_rattler_writes_it_reads() -> None:
    """The newest version of the format, from the draft that our exports make."""
    asked = {"do": "lockfile", "how": "write", "text": PIXI, "name": "pixi.lock"}
    text = str(_tools().worker("kernel_iso.backends.conda.worker", asked))
    assert text.startswith("version: 7\n")
    assert _pixi(text) == _pixi(PIXI)
    assert SUM in text.partition("- pypi: https")[2]


def test_a_variant_of_the_platform_is_taken_where_there_is_no_plain_one() -> None:
    text = f"""\
version: 7
platforms:
- name: gpu
  subdir: linux-64
  virtual-packages: [__cuda=12.8]
environments:
  only:
    channels:
    - url: {FORGE}/
    packages:
      gpu:
      - conda: {NUMPY["url"]}
packages:
- conda: {NUMPY["url"]}
  sha256: {SUM}
"""
    assert [each.name for each in _pixi(text).artefacts] == ["numpy"]


@pytest.mark.parametrize(
    ("text", "code", "because"),
    [
        ("", "bad-lock", "missing `version`"),
        ("x: [", "bad-lock", "line 2, column 1"),
        ("version: 99\n", "bad-lock", "99"),
        ("version: 7\nenvironments: {}\npackages: []\n", "bad-lock", "no environment `default`, only none"),
        (PIXI.replace("  default:", "  a:").replace("packages:\n-", "  b: {channels: [], packages: {}}\npackages:\n-"),
         "bad-lock", "only a, b"),
        (PIXI.replace("linux-64:", "osx-64:"), "lock-does-not-fit", "it is for osx-64, and linux-64 is needed here"),
        (PIXI.replace(f"pypi: {POLARS['url']}", "pypi: ./polars"), "url-not-allowed", "polars from an address"),
        (PIXI[:-40], "bad-lock", "package 3: polars has no SHA-256, or a broken one"),
        (PIXI.replace(SUM, "zz", 1), "bad-lock", "failed to parse digest"),
    ],
)  # fmt: skip
def test_a_broken_pixi_lock_is_an_error(text: str, code: str, because: str) -> None:
    with pytest.raises(IsoError) as caught:
        _pixi(text)
    assert (caught.value.code, len(str(caught.value).splitlines())) == (code, 3)
    assert because in caught.value.because


def test_a_pixi_lock_needs_a_way_to_run_py_rattler() -> None:
    assert _refused(PIXI, "pixi.lock").code == "bad-lock"


def test_a_pixi_lock_that_nests_without_end_ends_nothing_here() -> None:
    """py-rattler takes a minute for the first of these (0.28), and never gets to see it."""
    start = time.monotonic()
    for text in (
        "a: " + "[" * 200_000,
        "&a [" + "*a," * 1000 + "]",
        "version: 7\n" + json.dumps({"a": [[]] * 1000}),
    ):
        with pytest.raises(SpecError):
            _pixi(text)
    assert time.monotonic() - start < 5
