"""The kernelspec manager: what it lists, under which names, what the policy and other managers leave of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from test_environments_found import conda, forbid, virtual
from traitlets.config import Config

from kernel_iso.engine import Engine, borrowing, discovered
from kernel_iso.errors import ImpossibleError
from kernel_iso.kernelspecs.managers import Listing, listing
from kernel_iso.model import Generation, Owner, Package, Prefix
from kernel_iso.server.specs import link
from kernel_iso.store import Store


class Stock(KernelSpecManager):
    """A manager of somebody's own, with one kernel, whose command is `argv`."""

    argv: tuple[str, ...] = ("python", "-m", "ipykernel_launcher")
    ours: dict[str, Any] = {}  # noqa: RUF012

    def get_all_specs(self) -> dict[str, Any]:
        spec = KernelSpec(argv=list(self.argv), display_name="Stock", metadata=self.ours)
        return {"stock": {"resource_dir": "/", "spec": spec.to_dict()}}


class Later(Stock):
    """One that answers later, as a gateway's does."""

    async def get_all_specs(self) -> dict[str, Any]:
        return super().get_all_specs()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home with nothing in it; the machine's own places are not looked at."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def manager(environ: dict[str, str], base: type = Stock, **layer: object) -> Any:
    clean = {
        name: value for name, value in environ.items() if name not in ("XDG_DATA_HOME", "XDG_CACHE_HOME")
    }
    return listing(base, clean, layer)()


def shown(made: Any) -> list[str]:
    return [entry["spec"]["display_name"] for entry in made.get_all_specs().values()]


def test_found_environments_come_after_the_managers_own(home: Path, environ: dict[str, str]) -> None:
    """Each with a telling name, its facts and a logo; nothing is started for it."""
    conda(home / "miniforge3/envs/ml", "python-3.12.4-h1", packages=("torch-2.9.1+cu126", "ipykernel-7.4.0"))
    made = manager(environ)
    with pytest.MonkeyPatch.context() as patch:
        forbid(patch)
        stock, ml = made.get_all_specs().values()
    assert (stock["spec"]["display_name"], stock["spec"]["metadata"]) == ("Stock", {})
    assert ml["spec"]["display_name"] == "Python 3.12 · torch 2.9.1+cu126 — ml (conda)"
    assert ml["spec"]["metadata"]["kernel_iso"] == {
        "kind": "conda", "tool": "conda", "name": "ml", "path": str(home / "miniforge3/envs/ml"), "python": "3.12.4",
        "torch": "2.9.1+cu126", "ipykernel": "7.4.0",
    }  # fmt: skip
    assert (Path(ml["resource_dir"]) / "logo-svg.svg").is_file()


def test_a_listed_kernel_can_be_started_by_its_name(home: Path, environ: dict[str, str]) -> None:
    """What was listed and what is launched are the same; an unknown name is the manager's to refuse."""
    virtual(home / ".virtualenvs/a")
    made = manager(environ)
    name = list(made.get_all_specs())[-1]
    spec = made.get_kernel_spec(name)
    assert spec.to_dict() == made.get_all_specs()[name]["spec"]
    assert spec.metadata["kernel_provisioner"] == {
        "provisioner_name": "kernel-iso-provisioner", "config": {"discovered": str(home / ".virtualenvs/a")},
    }  # fmt: skip
    with pytest.raises(NoSuchKernel):
        made.get_kernel_spec("env-a-0123456789abcdef")


def test_a_manager_that_answers_later_is_waited_for(home: Path, environ: dict[str, str]) -> None:
    virtual(home / ".virtualenvs/a")
    listed = asyncio.run(manager(environ, Later).get_all_specs())
    assert [entry["spec"]["display_name"] for entry in listed.values()] == [
        "Stock",
        "Python 3.12 — a (virtualenv)",
    ]


@pytest.mark.parametrize(
    "argv",
    [
        ("{env}/bin/python3.12", "-m", "ipykernel_launcher"),
        ("/usr/bin/python", "-m", "nb_conda_kernels.runner", "/opt/conda", "{env}", "{env}/bin/python"),
        ("/opt/conda/bin/conda", "run", "-p", "{env}", "python", "-m", "ipykernel_launcher"),
    ],
)
def test_what_another_kernelspec_runs_already_is_not_told_twice(
    home: Path, environ: dict[str, str], argv: tuple[str, ...]
) -> None:
    """An installed kernelspec, nb_conda_kernels, conda run."""
    there = virtual(home / ".virtualenvs/there")
    virtual(home / ".virtualenvs/other")
    base = type("Other", (Stock,), {"argv": tuple(word.format(env=there) for word in argv)})
    assert shown(manager(environ, base)) == ["Stock", "Python 3.12 — other (virtualenv)"]


def test_the_servers_own_environment_is_the_stock_kernels(
    home: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernelspec that says `python` means the interpreter that the server runs on."""
    own = virtual(home / ".virtualenvs/own")
    monkeypatch.setattr("sys.executable", str(own / "bin/python3"))
    assert shown(manager(environ)) == ["Stock"]


def test_names_that_are_alike_are_told_apart_by_their_folders(home: Path, environ: dict[str, str]) -> None:
    virtual(home / ".virtualenvs/a")
    virtual(home / ".venvs/a")
    assert shown(manager(environ))[1:] == [
        "Python 3.12 — a (virtualenv, ~/.virtualenvs/a)",
        "Python 3.12 — a (virtualenv, ~/.venvs/a)",
    ]


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        ({}, ["data", "ml"]),
        ({"kernels": "named"}, []),
        ({"kernels": "own"}, []),
        ({"kernel-filter": ["m*"]}, ["ml"]),
        ({"kernel-filter": ["~/.virtualenvs/*"]}, ["data"]),
        ({"kernel-filter": ["conda", "poetry"]}, ["ml"]),
        ({"kernel-filter": []}, []),
        ({"kernel-folders": ["~/more"]}, ["data", "ml", "more"]),
    ],
)
def test_the_policy_says_which_are_listed(
    home: Path, environ: dict[str, str], layer: dict[str, object], names: list[str]
) -> None:
    """By kind, by patterns of name, path and tool, and in more folders."""
    virtual(home / ".virtualenvs/data")
    conda(home / "miniforge3/envs/ml", "python-3.12.4-h1")
    virtual(home / "more/more")
    found = [text.split(" — ")[1].split()[0] for text in shown(manager(environ, **layer))[1:]]
    assert sorted(found) == names


def test_a_list_that_is_too_long_holds_the_last_used(home: Path, environ: dict[str, str]) -> None:
    """A start counts as use, and so does a later change; what is left out can still be launched by name."""
    for number in range(5):
        site = virtual(home / f".virtualenvs/v{number}") / "lib/python3.12/site-packages"
        os.utime(site, (1000 + number, 1000 + number))
    everything = manager(environ)
    names = {entry["spec"]["display_name"]: name for name, entry in everything.get_all_specs().items()}
    store = Store(Path(environ["KERNEL_ISO_STORE"]))
    started = names["Python 3.12 — v0 (virtualenv)"]
    prefix = store.realise("0" * 32, lambda path, emit: made_prefix(path))
    store.add_generation(started, discovered.KIND, str(home / ".virtualenvs/v0"), Generation(key=prefix.key))
    short = manager(environ, **{"kernel-limit": 2})
    assert shown(short)[1:] == ["Python 3.12 — v0 (virtualenv)", "Python 3.12 — v4 (virtualenv)"]
    left_out = names["Python 3.12 — v2 (virtualenv)"]
    assert short.get_kernel_spec(left_out).display_name == "Python 3.12 — v2 (virtualenv)"


def made_prefix(path: Path, *packages: Package) -> Prefix:
    (path / "bin").mkdir(parents=True)
    (path / "bin/python").touch()
    return Prefix(
        key=path.name, path=str(path), python=str(path / "bin/python"), version="3.12.1", backend="uv", owner="vision",
        packages=packages,
    )  # fmt: skip


@pytest.mark.parametrize("kernels", ["named", "own"])
def test_a_named_environment_says_what_it_runs(home: Path, environ: dict[str, str], kernels: str) -> None:
    """Python and torch come from the prefix; `own` leaves it out."""
    store = Store(Path(environ["KERNEL_ISO_STORE"]))
    torch = Package(name="torch", version="2.9.1+cu126")
    prefix = store.realise("0" * 32, lambda path, emit: made_prefix(path, torch))
    store.record(Owner(id="vision", kind="environment", generations=(Generation(key=prefix.key),), current=0))
    ours = {"kernel_iso": {"environment": "vision", "store": "s"}}
    made = manager(environ, type("Named", (Stock,), {"ours": ours}), kernels=kernels)
    specs = [entry["spec"] for entry in made.get_all_specs().values()]
    told = {
        "environment": "vision",
        "store": "s",
        "kind": "named",
        "python": "3.12.1",
        "torch": "2.9.1+cu126",
    }
    expected = [("Stock — Python 3.12 · torch 2.9.1+cu126", told)] if kernels == "named" else []
    assert [(spec["display_name"], spec["metadata"]["kernel_iso"]) for spec in specs] == expected


def test_an_allow_list_of_the_server_counts_for_these_too(home: Path, environ: dict[str, str]) -> None:
    virtual(home / ".virtualenvs/a")
    made = manager(environ)
    name = list(made.get_all_specs())[-1]
    made.allowed_kernelspecs = {"stock"}
    assert list(made.get_all_specs()) == ["stock"]
    made.allowed_kernelspecs = {name}
    assert list(made.get_all_specs()) == ["stock", name]


def test_a_policy_that_cannot_be_read_leaves_the_managers_own_list(
    home: Path, environ: dict[str, str]
) -> None:
    virtual(home / ".virtualenvs/a")
    assert shown(manager(environ, nonsense=1)) == ["Stock"]


def test_names_hold_a_secret_of_the_store(home: Path, tmp_path: Path) -> None:
    """A notebook that comes with an environment cannot name it; names stay for who has the store."""
    found = borrowing.required(str(virtual(home / ".virtualenvs/My Env")))
    one, other = Store(tmp_path / "one"), Store(tmp_path / "other")
    names = [discovered.kernel_name(store, found) for store in (one, one, other)]
    assert names[0] == names[1] != names[2]
    assert [name.rpartition("-")[0] for name in names] == ["env-my-env"] * 3
    assert (tmp_path / "one" / "kernels.secret").stat().st_mode & 0o777 == 0o600


def test_the_environment_behind_a_kernels_name_is_found_again(home: Path, environ: dict[str, str]) -> None:
    """From the store where a kernel was started, beside the notebook otherwise."""
    engine = Engine.open(environ)
    path = virtual(home / "work/.venv")
    found = borrowing.required(str(path))
    name = discovered.kernel_name(engine.store, found)
    assert discovered.chosen(engine, name) is None
    assert discovered.chosen(engine, name, beside=str(home / "work")) == found
    engine.store.add_generation(name, discovered.KIND, str(path), Generation(key="k"))
    assert discovered.chosen(engine, name) == found
    assert discovered.chosen(engine, "iso") is None


@pytest.mark.parametrize(
    ("version", "code"), [("3.8.18", "environment-too-old"), ("2.7.18", "environment-too-old")]
)
def test_a_python_that_is_too_old_says_so(
    home: Path, environ: dict[str, str], version: str, code: str
) -> None:
    path = virtual(home / ".virtualenvs/old", version)
    with pytest.raises(ImpossibleError, match=f"it holds Python {version}") as raised:
        borrowing.realise(Engine.open(environ), discovered.target(str(path)))
    assert raised.value.code == code


def test_a_folder_that_is_no_environment_any_more_says_so(home: Path, environ: dict[str, str]) -> None:
    with pytest.raises(ImpossibleError) as raised:
        borrowing.realise(Engine.open(environ), discovered.target(str(home)))
    assert raised.value.code == "environment-gone"


def test_a_free_threaded_python_needs_its_own_ipykernel(home: Path, environ: dict[str, str]) -> None:
    path = virtual(home / ".virtualenvs/t", "3.13.2", threads="t")
    with pytest.raises(ImpossibleError) as raised:
        borrowing.realise(Engine.open(environ), discovered.target(str(path)))
    assert (raised.value.code, f"--python {path}/bin/python" in raised.value.hint) == (
        "no-kernel-for-build",
        True,
    )


def test_a_gateways_kernels_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are on another machine."""
    from jupyter_server.gateway.gateway_client import GatewayClient
    from jupyter_server.serverapp import ServerApp

    monkeypatch.setenv("JUPYTER_GATEWAY_URL", "http://gateway.example")
    GatewayClient.clear_instance()
    app = ServerApp()
    link(app)
    assert not app.trait_has_value("kernel_spec_manager_class")
    GatewayClient.clear_instance()


def test_the_configured_class_is_subclassed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where all of the configuration is applied again."""
    from jupyter_server.gateway.gateway_client import GatewayClient
    from jupyter_server.serverapp import ServerApp

    GatewayClient.clear_instance()
    app = ServerApp(config=Config({"ServerApp": {"kernel_spec_manager_class": Stock}}))
    link(app)
    made = app.kernel_spec_manager_class
    assert (made.__name__, made.__mro__[1:3]) == ("IsoStock", (Listing, Stock))
    app.update_config(Config({"Other": {"key": 1}}))
    link(app)
    assert app.kernel_spec_manager_class is made
    GatewayClient.clear_instance()
