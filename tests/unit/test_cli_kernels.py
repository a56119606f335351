"""`launch` and `completion`: the verbs that only a command line has."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from kernel_iso.cli import completions, kernels
from kernel_iso.cli.entry import Face
from kernel_iso.cli.terminals import Terminal
from kernel_iso.engine.verbs import TABLE


def test_a_kernel_is_for_the_environment_then_the_notebook_then_the_folder(tmp_path: Path) -> None:
    folder = str(tmp_path)
    named = {"KERNEL_ISO_NOTEBOOK": "sub/a.ipynb"}
    found = [
        (target.kind, target.path, target.name)
        for target in (
            kernels.target(named, "vision", folder),
            kernels.target(named, "", folder),
            kernels.target({}, "", folder),
        )
    ]
    notebook = str(tmp_path / "sub" / "a.ipynb")
    assert found == [("environment", "", "vision"), ("notebook", notebook, ""), ("folder", folder, "")]


def test_launch_without_a_connection_file_is_a_usage_error() -> None:
    def opened(environ: object, **_: object) -> SimpleNamespace:
        return SimpleNamespace(policy=SimpleNamespace(store=""), environ=environ)

    err = io.StringIO()
    assert Face(Terminal(io.StringIO(), err, {}), open_engine=opened).answer(["launch"]) == 2  # type: ignore[arg-type]
    assert err.getvalue().splitlines()[0] == "kernel-iso cannot launch a kernel  [missing-argument]"


@pytest.mark.skipif(os.name == "nt", reason="there the kernel is a child")
def test_the_kernel_takes_the_place_of_the_process_that_the_client_started() -> None:
    """The client signals the process that it started: it becomes the kernel, with its pid."""
    code = (
        "import sys\n"
        "from kernel_iso.cli.kernels import Handover, hand_over\n"
        "print('before')\n"
        "show = 'import os; print(os.getpid(), sorted(os.environ))'\n"
        "hand_over(Handover([sys.executable, '-S', '-c', show], {'ONLY': 'this', 'LC_CTYPE': 'C.UTF-8'}))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate(timeout=30)
    assert out.splitlines() == ["before", f"{process.pid} ['LC_CTYPE', 'ONLY']"]


@pytest.mark.parametrize("shell", completions.SHELLS)
def test_every_shell_gets_a_script_that_it_can_parse(shell: str, tmp_path: Path) -> None:
    script = tmp_path / f"completion.{shell}"
    script.write_text(completions.script(shell, TABLE), encoding="utf-8")
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([program, "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


BASH = """
cd {folder} && source completion.bash
function_name=$(complete -p kernel-iso | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=({words}); [[ "{line}" == *" " ]] && COMP_WORDS+=("")
COMP_LINE="{line}"; COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=()
$function_name kernel-iso "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(shutil.which("bash") is None or os.name == "nt", reason="needs bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kernel-iso pl", {"plan"}),
        ("kernel-iso env ", {"create", "list", "clone", "rename", "remove"}),
        ("kernel-iso completion ", {"bash", "zsh", "fish"}),
        ("kernel-iso plan ana", {"analysis.ipynb"}),
        ("kernel-iso realise --fr", {"--fresh"}),
    ],
)
def test_bash_completes_verbs_options_choices_and_files(
    line: str, expected: set[str], tmp_path: Path
) -> None:
    from kernel_iso.cli.entry import _own_verbs

    table = {**TABLE, **_own_verbs()}
    (tmp_path / "completion.bash").write_text(completions.script("bash", table), encoding="utf-8")
    (tmp_path / "analysis.ipynb").write_text("{}", encoding="utf-8")
    code = BASH.format(folder=tmp_path, words=line, line=line)
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) >= expected


def test_the_module_is_the_command_line() -> None:
    """The kernelspec `iso` starts `python -m kernel_iso launch` in tools that ignore provisioners."""
    done = subprocess.run(
        [sys.executable, "-m", "kernel_iso", "launch", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("usage: kernel-iso launch [-f CONNECTION-FILE] [--env NAME]")
