"""What uv and pip say, in each version that was recorded, ends in the same error."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel_iso.backends import explaining
from kernel_iso.backends.explaining import sentences
from kernel_iso.errors import ConflictError, ImpossibleError, IsoError, SpecError, ToolError
from kernel_iso.model import Index, Plan, Python

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"
INSTALL = "cannot install the environment"

ASKED = {
    "conflict": "blue>=2 cyan",
    "conflict-chain": "top cyan white",
    "conflict-direct": "blue<2 blue>=2",
    "conflict-constraint": "blue>=2",
    "too-new": "blue>=3",
    "no-such-package": "nothere",
    "no-such-dependency": "lost",
    "only-sdist": "onlysdist",
    "only-sdist-dependency": "needy",
    "other-platform": "winonly",
    "other-python": "oldonly",
    "offline": "neverseen",
    "real-old-numpy": "numpy<1.20",
    "real-pandas-and-numpy": "pandas>=2.2 numpy<1.22",
    "real-pyspark": "pyspark",
    "real-torch-old": "torch==1.0",
    "real-tensorflow-and-numpy": "tensorflow<2.18 numpy>=2.1 pandas",
}

# The kind and code of each case, and words that its reason has, whichever tool and version said it.
EXPECTED: dict[str, tuple[type[IsoError], str, tuple[str, ...]]] = {
    "conflict": (
        ConflictError,
        "no-versions-fit",
        ("`blue>=2` and `cyan` cannot live together: ", "depends on green>=2", "green<2"),
    ),
    "conflict-chain": (
        ConflictError,
        "no-versions-fit",
        ("`top` and `cyan` cannot live together: ", "depends on green>=2", "green<2"),
    ),
    "conflict-direct": (
        ConflictError,
        "no-versions-fit",
        ("`blue<2` and `blue>=2` cannot live together: they exclude each other",),
    ),
    "conflict-constraint": (
        ConflictError,
        "no-versions-fit",
        ("`blue>=2` cannot be had: ", "depends on green>=2", "; `green<2` is a constraint"),
    ),
    "too-new": (ConflictError, "no-such-version", ("only ", "2.0", " available")),
    "no-such-package": (SpecError, "no-such-package", ("no index has it (asked: main)",)),
    "no-such-dependency": (
        SpecError,
        "no-such-package",
        ("no index has it, which lost needs (asked: main)",),
    ),
    "only-sdist": (
        ImpossibleError,
        "needs-build",
        ("no wheel of it runs under Python 3.12 on linux-x86_64, ",),
    ),
    "only-sdist-dependency": (ImpossibleError, "needs-build", ("(needy needs it)",)),
    "other-platform": (ImpossibleError, "no-matching-wheel", ("there are some for ", "win_amd64")),
    "other-python": (ImpossibleError, "no-matching-wheel", ("no wheel for Python 3.12", "cp38")),
    "offline": (ToolError, "not-in-cache", ("`neverseen` is not in the cache, and the network is off",)),
    "401": (ToolError, "index-refused", ("index.example.org answered 401 Unauthorized",)),
    "403": (ToolError, "index-refused", ("index.example.org answered 403 Forbidden",)),
    "500": (ToolError, "index-unreachable", ("index.example.org cannot be used: 500 ",)),
    "dropped": (ToolError, "index-unreachable", ("index.example.org cannot be used: ",)),
    "refused": (ToolError, "index-unreachable", ("127.0.0.1:9 cannot be used: ", "Connection refused")),
    "no-name": (
        ToolError,
        "index-unreachable",
        ("nowhere.example.invalid cannot be used: ", "Name or service not known"),
    ),
    "bad-url": (ToolError, "index-unreachable", ("Connection refused",)),
    "install-401": (ToolError, "index-refused", ("index.example.org answered 401 Unauthorized",)),
    "install-500": (ToolError, "index-unreachable", ("500 ",)),
    "install-offline": (ToolError, "not-in-cache", ("`white==1.0` is not in the cache",)),
    "install-tampered": (ToolError, "hash-mismatch", ("is not what was locked",)),
    "install-resized": (ToolError, "hash-mismatch", ("is not what was locked",)),
    "install-cut": (ToolError, "", ("",)),  # pip sees a wrong hash, uv a broken archive
    "real-old-numpy": (ImpossibleError, "needs-build", ("no wheel of it runs under Python 3.12",)),
    "real-pandas-and-numpy": (
        ConflictError,
        "no-versions-fit",
        ("`pandas>=2.2` and `numpy<1.22` cannot live together: pandas>=2.2.0 depends on numpy>=1.26.0",),
    ),
    "real-pyspark": (ImpossibleError, "needs-build", ("no wheel of it runs",)),
    "real-torch-old": (ImpossibleError, "no-matching-wheel", ("`cp36m`, `cp37m`",)),
    "real-tensorflow-and-numpy": (
        ConflictError,
        "no-versions-fit",
        ("`tensorflow<2.18` and `numpy>=2.1` cannot live together: tensorflow", "numpy>=1.26.0,<2.0.0"),
    ),
}


def plan(*requirements: str, constraints: tuple[str, ...] = (), exclude_newer: str = "") -> Plan:
    return Plan(
        backend="uv",
        python=Python(version="3.12.1", path=""),
        requirements=requirements,
        constraints=constraints,
        exclude_newer=exclude_newer,
        indexes=(Index(name="main", url="https://index.example.org/simple"),),
    )


def explained(tool: str, case: str, text: str) -> IsoError:
    explain = explaining.uv if tool.startswith("uv") else explaining.pip
    wish = plan(
        *ASKED.get(case, "blue").split(), constraints=("green<2",) if case == "conflict-constraint" else ()
    )
    return explain(text, wish, "linux-x86_64", *((INSTALL,) if case.startswith("install") else ()))


@pytest.mark.parametrize(
    "path", sorted(TRANSCRIPTS.glob("*/*.txt")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_recorded_failure_is_explained(path: Path) -> None:
    error = explained(path.parent.name, path.stem, path.read_text())
    kind, code, words = EXPECTED[path.stem]
    assert type(error) is kind
    assert error.code in (code or ("hash-mismatch", "download-broken"))
    assert [word for word in words if word not in error.because] == [], error.because
    assert 1 <= len(error.tail) <= sentences.TAIL
    assert "\n" not in error.because + error.hint


def test_every_expectation_was_recorded_with_uv_and_most_with_pip() -> None:
    """A case that no tool records any more would pass unseen."""
    recorded = {(path.parent.name.split("-")[0], path.stem) for path in TRANSCRIPTS.glob("*/*.txt")}
    assert {case for tool, case in recorded if tool == "uv"} == set(EXPECTED)
    shared = {case for case in EXPECTED if not case.startswith("real-")}
    assert shared - {case for tool, case in recorded if tool == "pip"} == {
        "offline",
        "install-offline",
        "install-resized",
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("error: Failed to install: x.whl\n  cause: No space left on device (os error 28)", "disk-full"),
        (
            "error: failed to create directory `/x`\n  cause: Read-only file system (os error 30)",
            "cannot-write",
        ),
        ("error: Failed to query Python interpreter\n  cause: failed to spawn", "python-broken"),
        ("error: invalid peer certificate: UnknownIssuer for https://a.example.org/x", "index-untrusted"),
        ("thread 'main' panicked", "lock-failed"),
        ("", "lock-failed"),
    ],
)
def test_faults_of_the_machine_and_unknown_words_are_told_apart(text: str, code: str) -> None:
    assert explaining.uv(text, plan("blue"), "linux-x86_64").code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk-full",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: 'x'",
            "cannot-write",
        ),
        (
            "Could not fetch URL https://a.example.org/: SSLError(CERTIFICATE_VERIFY_FAILED)",
            "index-untrusted",
        ),
        ("Traceback", "install-failed"),
    ],
)
def test_pip_stumbles_over_the_machine_too(text: str, code: str) -> None:
    assert explaining.pip(text, plan("blue"), "linux-x86_64", INSTALL).code == code


def test_a_clash_of_bound_packages_speaks_of_what_was_asked() -> None:
    """With an index bound to a package uv speaks of the project file that binds it."""
    text = (
        "error: No solution found when resolving dependencies\n"
        "  cause: Because only torchy==1.0+cpu is available and kernel-iso-pins depends on torchy>=2, we can"
        " conclude that your requirements are unsatisfiable.\n"
    )
    error = explaining.uv(text, plan("torchy>=2"), "linux-x86_64")
    assert (error.code, error.because) == ("no-such-version", "only torchy==1.0+cpu is available")


def test_words_that_are_not_understood_leave_the_reason_open() -> None:
    """An empty reason is what makes the caller try which of the requirements clash."""
    error = explaining.uv("error: No solution found when resolving dependencies", plan("a", "b"), "x")
    assert (type(error), error.code, error.because) == (ConflictError, "no-versions-fit", "")


def test_the_cool_down_is_part_of_the_reason() -> None:
    text = (TRANSCRIPTS / "uv-0.13.8" / "too-new.txt").read_text()
    error = explaining.uv(text, plan("blue>=3", exclude_newer="3 days"), "linux-x86_64")
    assert error.because == "only blue<=2.0 is available; no release newer than 3 days is used"


def test_a_name_that_is_imported_is_the_name_that_is_meant() -> None:
    text = (TRANSCRIPTS / "uv-0.13.8" / "real-pyspark.txt").read_text().replace("pyspark", "sklearn")
    assert explaining.uv(text, plan("sklearn"), "linux-x86_64").hint == "did you mean `scikit-learn`?"


def test_secrets_do_not_reach_the_tail() -> None:
    text = "error: Failed to fetch: https://ada:hunter2@a.example.org/x?token=abc\n  cause: dns error"
    error = explaining.uv(text, plan("blue"), "linux-x86_64")
    assert [word for word in ("hunter2", "abc") if word in str(error)] == []
    assert "a.example.org cannot be used: dns error" in error.because


def test_only_the_lines_that_tell_why_are_kept_of_a_closer_look() -> None:
    text = "Created temporary directory: /x\nSkipping link: not a file: y\n  Skipping link: No sources permitted\n"
    assert explaining.details(text) == ["Skipping link: No sources permitted"]
