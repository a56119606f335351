"""The policy: its layers, what a lower one may still say, and where every value came from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from kernel_iso import policy
from kernel_iso.errors import ImpossibleError, IsoError, SpecError
from kernel_iso.model import PYPI, Index, Policy
from kernel_iso.policy.values import KEYS


@pytest.fixture
def admin(tmp_path: Path) -> Path:
    """Where the administrator's file would be."""
    return tmp_path / "admin.toml"


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """Where the person's file would be."""
    return tmp_path / "user.toml"


def read(admin: Path, user: Path, environ: Mapping[str, str] | None = None, **more: object) -> Policy:
    return policy.read(environ or {}, admin_files=[admin], user_file=user, **more)  # type: ignore[arg-type]


def failure(admin: Path, user: Path, environ: Mapping[str, str] | None = None, **more: object) -> IsoError:
    with pytest.raises(IsoError) as raised:
        read(admin, user, environ, **more)
    return raised.value


def test_without_any_layer_the_defaults_hold(admin: Path, user: Path) -> None:
    """Every key but the store has the model's default, and says so; the store is a folder of the person's."""
    found = read(admin, user)
    assert Policy(store=found.store, sources=found.sources) == found
    assert Path(found.store).is_absolute()
    assert {key: "default" for key in KEYS} == dict(found.sources)


def test_a_lower_layer_goes_before_a_higher_one(admin: Path, user: Path) -> None:
    """Variables, then the person's file, the server's configuration, the administrator's file."""
    admin.write_text('keep-days = 1\npackages = ["a"]\nlauncher = "slurm"\nunknown = "bare"\n')
    user.write_text("keep_days = 3\n")
    server = {"keep_days": 2, "packages": ["b"], "python-fetch": False}
    found = read(admin, user, {"KERNEL_ISO_KEEP_DAYS": "4"}, server=server)
    assert (
        found.keep_days,
        found.packages,
        found.launcher,
        found.unknown,
        found.python_fetch,
    ) == (4, ("b",), "slurm", "bare", False)
    assert found.source_of("keep_days") == "KERNEL_ISO_KEEP_DAYS"
    assert found.source_of("packages") == "the Jupyter server's configuration (KernelIso.policy)"
    assert str(admin) == found.source_of("launcher")
    assert str(user) == read(admin, user).source_of("keep_days")


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("OFFLINE", "1", True),
        ("OFFLINE", "No", False),
        ("EXCLUDE_NEWER", "3 days", "3 days"),
        ("KEEP_DAYS", "7", 7),
        ("DISK_BUDGET_GB", "2.5", 2.5),
        ("PACKAGES", "numpy>=1.26,<3, pandas,", ("numpy>=1.26,<3", "pandas")),
        ("CACHE", "off", "off"),
        (
            "INDEXES",
            "own=https://own.example.org/simple/ pypi=https://mirror.example.org/simple",
            (
                Index(name="own", url="https://own.example.org/simple"),
                Index(name="pypi", url="https://mirror.example.org/simple"),
            ),
        ),
    ],
)
def test_a_variable_sets_its_key(admin: Path, user: Path, key: str, text: str, expected: object) -> None:
    """Booleans, numbers, comma lists and indexes have a form as text."""
    assert expected == getattr(read(admin, user, {f"KERNEL_ISO_{key}": text}), key.lower())


def test_a_folder_in_a_variable_may_be_relative(
    admin: Path, user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts at the working folder; `~` is the home folder. In a file it has to be absolute."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert str(tmp_path / "here") == read(admin, user, {"KERNEL_ISO_STORE": "here"}).store
    assert str(tmp_path / "there") == read(admin, user, {"KERNEL_ISO_STORE": "~/there"}).store
    user.write_text('store = "~/mine"\ntrusted-folders = ["~/work"]\n')
    found = read(admin, user)
    assert (str(tmp_path / "mine"), (str(tmp_path / "work"),)) == (found.store, found.trusted_folders)
    user.write_text('store = "mine"\n')
    assert failure(admin, user).code == "bad-policy-value"


def test_indexes_in_a_file_are_tables_or_text(admin: Path, user: Path) -> None:
    """Their order is kept: the first that has a package serves it."""
    user.write_text(
        '[[indexes]]\nname = "torch"\nurl = "https://wheels.example.org/cpu"\nexplicit = true\n'
        '[[indexes]]\nname = "own"\nurl = "https://own.example.org/simple"\n'
    )
    assert tuple(item for index in read(admin, user).indexes for item in (index.name, index.explicit)) == (
        "torch",
        True,
        "own",
        False,
    )
    user.write_text('indexes = ["own=https://own.example.org/simple"]\n')
    assert (Index(name="own", url="https://own.example.org/simple"),) == read(admin, user).indexes


def test_a_toml_date_is_a_cool_down(admin: Path, user: Path) -> None:
    """TOML has dates of its own; they need no quotes."""
    user.write_text("exclude-newer = 2025-01-31\n")
    assert read(admin, user).exclude_newer == "2025-01-31"


def test_a_locked_list_can_only_be_made_shorter(admin: Path, user: Path) -> None:
    """A part of it in its own order is allowed below: another order would change who serves a package."""
    admin.write_text('backends = ["uv", "virtualenv"]\nlocked = ["backends"]\n')
    assert read(admin, user, {"KERNEL_ISO_BACKENDS": "virtualenv"}).backends == ("virtualenv",)
    for wider in ("conda", "virtualenv,uv", "uv,virtualenv,conda"):
        error = failure(admin, user, {"KERNEL_ISO_BACKENDS": wider})
        assert ("policy-locked", ImpossibleError) == (error.code, type(error))
        assert str(admin) in error.because
        assert "KERNEL_ISO_BACKENDS" in error.what


@pytest.mark.parametrize(
    ("locked", "same", "other"),
    [
        ("offline = true", "offline = true", "offline = false"),
        ("keep-days = 5", "keep-days = 5", "keep-days = 4"),
        ('exclude-newer = "3 days"', 'exclude-newer = "3 days"', 'exclude-newer = ""'),
        ("", 'source-builds = "never"', 'source-builds = "allowed"'),
    ],
)
def test_a_locked_value_must_stay_as_it_is(
    admin: Path, user: Path, locked: str, same: str, other: str
) -> None:
    """Also where what is locked is the default."""
    admin.write_text(f'{locked}\nlocked = ["{same.split(" ")[0]}"]\n')
    user.write_text(same + "\n")
    assert str(user) == read(admin, user).source_of(same.split(" ")[0].replace("-", "_"))
    user.write_text(other + "\n")
    error = failure(admin, user)
    assert error.code == "policy-locked"
    assert str(user) in error.what


def test_a_file_binds_the_server_and_the_server_binds_the_person(admin: Path, user: Path) -> None:
    """Each layer may lock for those below; what is locked is told."""
    admin.write_text('offline = true\nlocked = ["offline"]\n')
    assert failure(admin, user, server={"offline": False}).code == "policy-locked"
    server = {"packages": ["a", "b"], "locked": ["packages"]}
    assert read(admin, user, {"KERNEL_ISO_PACKAGES": "a"}, server=server).packages == ("a",)
    assert failure(admin, user, {"KERNEL_ISO_PACKAGES": "c"}, server=server).code == "policy-locked"
    assert read(admin, user, server=server).locked == ("offline", "packages")


def test_trusted_hosts_come_from_an_administrator(admin: Path, user: Path) -> None:
    """A file of his or the server's configuration; the person's file and variables are refused."""
    admin.write_text('trusted-hosts = ["mirror.example.org"]\n')
    assert read(admin, user).trusted_hosts == ("mirror.example.org",)
    assert read(admin, user, server={"trusted_hosts": ["a.example.org"]}).trusted_hosts == ("a.example.org",)
    assert failure(admin, user, {"KERNEL_ISO_TRUSTED_HOSTS": "a.example.org"}).code == "admin-only"
    user.write_text('trusted_hosts = ["a.example.org"]\n')
    error = failure(admin, user)
    assert ("admin-only", SpecError) == (error.code, type(error))


def test_an_unknown_key_names_the_nearest(admin: Path, user: Path) -> None:
    """In a file, in `locked`, and in a variable."""
    user.write_text("ofline = true\n")
    error = failure(admin, user)
    assert (error.code, error.hint) == ("unknown-policy-key", "did you mean `offline`?")
    assert str(user) in error.what
    user.write_text('locked = ["index"]\n')
    assert failure(admin, user).hint == "did you mean `indexes`?"
    user.write_text("")
    error = failure(admin, user, {"KERNEL_ISO_EXCLUDENEWER": "3 days"})
    assert (error.code, error.hint) == ("unknown-policy-key", "did you mean `KERNEL_ISO_EXCLUDE_NEWER`?")
    assert failure(admin, user, {"KERNEL_ISO_SOURCES": "x"}).code == "unknown-policy-key"


def test_variables_that_are_no_keys_are_passed_over(admin: Path, user: Path) -> None:
    """The notebook of a headless run, an approval, and what is empty."""
    environ = {
        "KERNEL_ISO_NOTEBOOK": "a.ipynb",
        "KERNEL_ISO_TRUST": "0",
        "KERNEL_ISO_DEBUG": "1",
        "KERNEL_ISO_PYTHON": "",
    }
    assert read(admin, user) == read(admin, user, environ)


@pytest.mark.parametrize(
    "text",
    [
        'source-builds = "sometimes"',
        'unknown = "guess"',
        'cache = "maybe"',
        "python = 3.10",
        "packages = 'numpy'",
        "packages = [1]",
        "offline = 'yes'",
        "keep-days = 1.5",
        "keep-days = true",
        "keep-days = -1",
        "disk-budget-gb = '5'",
        "audit-log = 'log'",
        "indexes = ['https://own.example.org']",
        "indexes = ['own=own.example.org/simple']",
        "indexes = [1]",
        "indexes = [{name = 'a', url = 'https://a.example.org', user = 'b'}]",
        "indexes = ['a=https://a.example.org', 'a=https://b.example.org']",
        "locked = 'offline'",
        "keep-days = 1\nkeep_days = 2",
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(admin: Path, user: Path, text: str) -> None:
    """The error names the key and the file."""
    user.write_text(text + "\n")
    error = failure(admin, user)
    assert ("bad-policy-value", SpecError) == (error.code, type(error))
    assert str(user) in error.what
    assert text.split(" ")[0].split("-")[0] in error.what


@pytest.mark.parametrize(
    "text", [("OFFLINE", "perhaps"), ("KEEP_DAYS", "seven"), ("CACHE", " "), ("SOURCE_BUILDS", "x")]
)
def test_a_variable_of_the_wrong_kind_is_refused(admin: Path, user: Path, text: tuple[str, str]) -> None:
    """Blank text counts as unset; everything else that does not fit is told with the variable's name."""
    environ = {f"KERNEL_ISO_{text[0]}": text[1]}
    if not text[1].strip():
        assert read(admin, user) == read(admin, user, environ)
    else:
        error = failure(admin, user, environ)
        assert error.code == "bad-policy-value"
        assert f"KERNEL_ISO_{text[0]}" in error.what


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter2@own.example.org/simple",
        "https://hunter2@own.example.org/",
        "https://own.example.org/?token=hunter2",
    ],
)
def test_credentials_in_an_index_are_refused_and_not_repeated(admin: Path, user: Path, url: str) -> None:
    """They would travel into locks, logs and events."""
    error = failure(admin, user, {"KERNEL_ISO_INDEXES": f"own={url}"})
    assert error.code == "credentials-in-index"
    assert "hunter2" not in str(error)
    assert "UV_INDEX_OWN_USERNAME" in error.hint


def test_a_broken_file_is_told_with_its_line(admin: Path, user: Path) -> None:
    """Also the administrator's: passing over it would lift what it locks."""
    admin.write_text("offline = true\nkeep-days = \n")
    error = failure(admin, user)
    assert ("bad-policy-file", SpecError) == (error.code, type(error))
    assert "line 2" in error.because
    admin.write_bytes(b'python = "\xff"\n')
    assert failure(admin, user).code == "bad-policy-file"
    admin.unlink()
    admin.mkdir()
    assert failure(admin, user).code == "bad-policy-file"


def test_a_variable_names_another_file(admin: Path, tmp_path: Path) -> None:
    """It must be there."""
    named = tmp_path / "named.toml"
    environ = {"KERNEL_ISO_CONFIG": str(named)}
    with pytest.raises(SpecError) as raised:
        policy.read(environ, admin_files=[admin])
    assert raised.value.code == "bad-policy-file"
    named.write_text("keep-days = 9\n")
    assert policy.read(environ, admin_files=[admin]).keep_days == 9


def test_it_explains_every_value(admin: Path, user: Path) -> None:
    """Key, value as text, source and whether it is locked; for every key there is."""
    admin.write_text('indexes = ["own=https://own.example.org/simple"]\nlocked = ["indexes"]\n')
    rows = {row.key: row for row in policy.explain(read(admin, user, {"KERNEL_ISO_DISK_BUDGET_GB": "5"}))}
    assert [key.replace("_", "-") for key in KEYS] == list(rows)
    own = rows["indexes"]
    assert ("own=https://own.example.org/simple", str(admin), True) == (own.value, own.source, own.locked)
    budget = rows["disk-budget-gb"]
    assert (budget.value, budget.source, budget.locked) == ("5", "KERNEL_ISO_DISK_BUDGET_GB", False)
    assert rows["companions"].value == ", ".join(Policy().companions)
    assert rows["offline"].source == "default"


def test_the_default_index_is_the_models(admin: Path, user: Path) -> None:
    """No second place names it."""
    assert read(admin, user).indexes == (PYPI,)


def test_reading_is_quick(admin: Path, user: Path) -> None:
    """It stands on the way of every start, so that a few milliseconds would be noticed."""
    admin.write_text('indexes = ["own=https://own.example.org/simple"]\nlocked = ["indexes"]\n')
    user.write_text('keep-days = 3\npackages = ["numpy", "pandas"]\n')
    took = []
    for _ in range(20):
        start = time.perf_counter()
        read(admin, user, {"KERNEL_ISO_OFFLINE": "1"})
        took.append(time.perf_counter() - start)
    assert min(took) < 0.01
