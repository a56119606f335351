"""`%iso` under a real Jupyter server: a notebook that a page has open, the restart that is offered, Pythons side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from gated_client import post
from magic_kernels import served, write
from waiting_client import Server, running, wait_until
from wheelhouse import Wheelhouse

from kernel_iso.store import Store

pytestmark = pytest.mark.network

PYTHONS = sorted(
    (path for path in Path.home().glob(".pyenv/versions/3.*") if int(path.name.split(".")[1]) >= 9),
    key=lambda path: int(path.name.split(".")[1]),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose policy knows an index of small packages too, and whose PATH has every Python from 3.9."""
    folder = tmp_path_factory.mktemp("server") / "magics"
    (folder / "config").mkdir(parents=True)
    (folder / "root").mkdir()
    with Wheelhouse() as index:
        policy = folder / "policy.toml"
        policy.write_text(
            f'{served(index)}store = "{folder / "store"}"\ntrusted-folders = ["{folder / "root"}"]\n'
        )
        path = os.pathsep.join([*(str(home / "bin") for home in PYTHONS), os.environ["PATH"]])
        with running(folder, PYTHONPATH="", KERNEL_ISO_CONFIG=str(policy), PATH=path) as made:
            yield made


def outcome(server: Server, kernel: str, code: str) -> tuple[str, str]:
    """How a cell ended, and what it printed and showed; a page of its own listens, and is closed."""
    page = server.channels(kernel)
    sent, status, text, idle = page.run(code), "", "", False
    for message in page.messages(180):
        if message["parent_header"].get("msg_id") != sent:
            continue
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "stream":
            text += content["text"]
        elif kind in ("display_data", "execute_result"):
            text += content["data"]["text/plain"] + "\n"
        elif kind == "error":
            text += "\n".join(content["traceback"])
        status = content["status"] if kind == "execute_reply" else status
        idle = idle or (kind == "status" and content["execution_state"] == "idle")
        if status and idle:
            break
    page.close()
    return status, text


def test_the_oldest_and_the_newest_python_work_side_by_side(server: Server) -> None:
    """Each kernel edits its own notebook; what one adds, the other does not have."""
    old, new = (".".join(home.name.split(".")[:2]) for home in (PYTHONS[0], PYTHONS[-1]))
    assert (old, new) == ("3.9", "3.13")
    kernels = {}
    for python in (old, new):
        write(server.root / f"{python}.ipynb", ["blue<2"], python=f"=={python}.*")
        kernels[python] = server.session(f"{python}.ipynb")[1]
    for python, package in ((old, "red"), (new, "green")):
        status, text = outcome(server, kernels[python], f"%iso add {package}")
        assert (status, "the next cell uses it" in text) == ("ok", True), text
        code = f"import {package}, blue, sys; print('%d.%d' % sys.version_info[:2], blue.__version__)"
        assert outcome(server, kernels[python], code) == ("ok", f"{python} 1.0\n")
    assert outcome(server, kernels[new], "import red")[0] == "error"


def test_an_open_notebook_is_changed_by_its_page(server: Server) -> None:
    """The file stays as it is, the person is told who has to save, and the page gets the change."""
    path = write(server.root / "open.ipynb", ["blue<2"])
    before, document = path.read_bytes(), json.loads(path.read_text())
    kernel = server.session("open.ipynb")[1]
    server.socket(f"/api/kernels/{kernel}/channels")

    def held() -> bool:
        post(server, "take", path="open.ipynb", document=document)
        return Store(server.folder / "store").open_notebooks.is_open(path)

    wait_until(held)
    status, text = outcome(server, kernel, "%iso add red")
    assert (status, "open.ipynb, which a page has open: save it there" in text) == ("ok", True), text
    assert path.read_bytes() == before
    assert outcome(server, kernel, "import red; red.__version__") == ("ok", "'1.0'\n")
    answer = post(server, "take", path="open.ipynb", document=document)[1]["result"]
    assert '"red"' in answer["document"]["cells"][0]["source"]
    assert outcome(server, kernel, "%iso create spare")[0] == "ok"
    text = outcome(server, kernel, "%iso use spare")[1]
    assert text == 'open.ipynb is open in a page: choose the kernel "Isolated: spare" there\n'
    server.close_sockets()


def test_the_restart_that_is_offered_restarts_the_kernel(server: Server) -> None:
    """The button ends the kernel as a restart does, and the server starts it again in the new generation."""
    write(server.root / "restart.ipynb", ["blue<2"])
    kernel = server.session("restart.ipynb")[1]
    first = outcome(server, kernel, "import blue, os; print(blue.__version__, os.getpid())")[1]
    assert "restart the kernel to use it" in outcome(server, kernel, '%iso add "blue>=2"')[1]
    click = (
        "import ipywidgets\n"
        "known = ipywidgets.widgets.widget._instances.values()\n"
        "found = [each for each in known if getattr(each, 'description', '') == 'Restart the kernel']\n"
        "print(len(found)); found[0].click()"
    )
    assert outcome(server, kernel, click)[1].startswith("1\n")
    last = ""

    def restarted() -> bool:
        nonlocal last
        last = outcome(server, kernel, "import blue, os; print(blue.__version__, os.getpid())")[1]
        return last.startswith("2.0 ")

    wait_until(restarted, 60)
    assert last.split()[1] != first.split()[1]


def test_a_store_that_only_the_server_knows_is_found_from_a_cell(tmp_path: Path, server: Server) -> None:
    """The kernel's prefix tells; nothing of the person's own store is touched."""
    write(server.root / "store.ipynb", [])
    kernel = server.session("store.ipynb")[1]
    code = f"import os; os.environ['KERNEL_ISO_STORE'] = {str(tmp_path / 'own')!r}"
    assert outcome(server, kernel, code)[0] == "ok"
    assert "store.ipynb: in-use" in outcome(server, kernel, "%iso")[1]
    assert not list((tmp_path / "own").glob("prefixes/*"))
