"""The example for a hub in docs/server.md is loaded, and does what the page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from traitlets.config import Config, PyFileConfigLoader

from kernel_iso import policy
from kernel_iso.errors import ImpossibleError
from kernel_iso.server.app import KernelIso

PAGE = Path(__file__).parents[2] / "docs" / "server.md"


def examples(tmp_path: Path) -> dict[str, Config]:
    """Each Python block of the page, loaded as Jupyter loads it, by the file's name in its first line."""
    found = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        name = Path(block.splitlines()[0].removeprefix("# ")).name
        (tmp_path / name).write_text(block, encoding="utf-8")
        found[name] = PyFileConfigLoader(name, str(tmp_path)).load_config()
    return found


class HubAuthorizer(Authorizer):
    """JupyterHub's, as far as the example uses it: JupyterHub itself is not needed here."""

    hub_auth = SimpleNamespace(check_scopes=lambda wanted, user: set(wanted) & set(user["scopes"]))

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        """Who may use the server at all."""
        return "access:servers" in user.hub_user["scopes"]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Config]:
    """The examples."""
    extension = ModuleType("jupyterhub.singleuser.extension")
    extension.JupyterHubAuthorizer = HubAuthorizer  # type: ignore[attr-defined]
    for name in ("jupyterhub", "jupyterhub.singleuser"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, extension.__name__, extension)
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")  # whose server it is
    return examples(tmp_path)


def test_the_example_grants_reading_and_executing_by_the_hubs_scopes(config: dict[str, Config]) -> None:
    """With the scopes that the hub's file defines; other resources stay as they are."""
    authorizer = config["jupyter_server_config.py"].ServerApp.authorizer_class()
    hub = config["jupyterhub_config.py"]
    read, execute = hub.JupyterHub.custom_scopes
    assert hub.Spawner.oauth_client_allowed_scopes == [read, execute]

    def granted(*scopes: str) -> list[bool]:
        user = SimpleNamespace(hub_user={"scopes": scopes})
        asked = (("read", "kernel_iso"), ("execute", "kernel_iso"), ("execute", "kernels"))
        return [authorizer.is_authorized(None, user, action, resource) for action, resource in asked]

    look, change = f"{read}!user=ada", f"{execute}!user=ada"
    assert granted("access:servers") == [False, False, True]
    assert granted("access:servers", look) == [True, False, True]
    assert granted("access:servers", look, change) == [True, True, True]
    assert granted("access:servers", look, f"{execute}!user=eve") == [True, False, True]
    assert granted(look, change) == [False, False, False]


def test_the_examples_policy_is_locked(config: dict[str, Config], environ: dict[str, str]) -> None:
    """A person's own variable cannot widen it."""
    settings = KernelIso(config=config["jupyter_server_config.py"])
    assert settings.audit_log == "/var/log/kernel-iso/audit.ndjson"
    layer = dict(settings.policy)
    found = policy.read(environ, server=layer)
    assert ([index.name for index in found.indexes], found.frontends, found.keep_days) == (
        ["company"],
        "never",
        14,
    )
    with pytest.raises(ImpossibleError) as raised:
        policy.read({**environ, "KERNEL_ISO_FRONTENDS": "ask"}, server=layer)
    assert raised.value.code == "policy-locked"
