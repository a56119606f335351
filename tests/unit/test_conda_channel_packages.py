"""Real packages in the conda channel that tests make: wheels repacked, so that what is installed works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import conda_channel
import pytest
from conda_channel.packing import PLACEHOLDER
from conda_channel.wheels import Target, repacked
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec
from wheelhouse import wheel_bytes


def wheel(folder: Path, name: str = "blue", tag: str = "py3-none-any", **more: object) -> Path:
    path = folder / f"{name}-1.0-{tag}.whl"
    path.write_bytes(wheel_bytes(name, "1.0", tag=tag, **more))  # type: ignore[arg-type]
    return path


ENTRY = {"blue-1.0.dist-info/entry_points.txt": "[console_scripts]\nblue-say = blue.deep:say.it [extra]\n"}


class TestWheels:
    def test_a_pure_one_is_noarch(self, tmp_path: Path) -> None:
        made = wheel(tmp_path, requires=["green>=1,!=1.5"], requires_python=">=3.9, !=3.10.1", files=ENTRY)

        package = repacked(made, Target("3.12.1"))

        assert (package.noarch, package.subdir, package.build) == ("python", "noarch", "pyhiso_0")
        assert package.depends == ["python >=3.9,!=3.10.1", "green !=1.5,>=1"]
        assert package.entry_points == ["blue-say = blue.deep:say.it"]
        assert package.files["site-packages/blue-1.0.dist-info/INSTALLER"].data == b"conda\n"  # type: ignore[union-attr]

    def test_one_for_the_platform_is_of_one_python(self, tmp_path: Path) -> None:
        made = wheel(tmp_path, tag="cp312-cp312-manylinux_2_28_x86_64", files=ENTRY)

        package = repacked(made, Target("3.12.1"))

        assert (package.noarch, package.build) == ("", "py312hiso_0")
        assert package.depends[:2] == ["python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312"]
        script = package.files["bin/blue-say"].data.decode()  # type: ignore[union-attr]
        assert script.startswith(f"#!{PLACEHOLDER}/bin/python\n")
        assert "from blue.deep import say\n" in script
        assert "say.it()" in script
        assert "lib/python3.12/site-packages/blue/__init__.py" in package.files

    def test_markers_are_for_every_python_of_a_pure_one(self, tmp_path: Path) -> None:
        requires = ["old; python_version<'3.12'", "new; python_version>='3.12'", "more; extra == 'x'"]
        made = wheel(tmp_path, requires=[*requires, "win; sys_platform=='win32'"])

        assert repacked(made, Target("3.12.1")).depends == ["python", "new"]
        assert repacked(made, Target("3.12.1"), [Target("3.11.7")]).depends == ["python", "new", "old"]

    def test_what_is_no_module_goes_into_the_prefix(self, tmp_path: Path) -> None:
        files = {"blue-1.0.data/data/share/blue.txt": "x", "blue-1.0.data/scripts/run": "#!python\nprint()\n"}

        package = repacked(wheel(tmp_path, files=files), Target("3.12.1"))

        assert "share/blue.txt" in package.files
        script = package.files["python-scripts/run"]
        assert script.data.decode() == f"#!{PLACEHOLDER}/bin/python\nprint()\n"  # type: ignore[union-attr]

    def test_the_names_are_condas(self, tmp_path: Path) -> None:
        made = wheel(tmp_path, "jupyter_core", requires=["typing-extensions>=4"])

        package = repacked(made, Target("3.12.1"))

        assert (package.name, package.depends[1]) == ("jupyter_core", "typing_extensions >=4")


@pytest.fixture(scope="module")
def prefix(
    scientific_channel: Path, conda_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("scientific")
    specs = ("ipykernel", "pandas", "matplotlib", "numpy <2.3", "six 1.16.*", "pip", "setuptools")
    yield conda_channel.installed(scientific_channel, folder / "prefix", *specs, cache=conda_cache)
    shutil.rmtree(folder, ignore_errors=True)


def say(prefix: Path, *command: str) -> str:
    environ = {**os.environ, "PYTHONNOUSERSITE": "1"}
    done = subprocess.run(
        [prefix / "bin" / command[0], *command[1:]], capture_output=True, text=True, env=environ, check=True
    )
    return done.stdout.strip()


@pytest.mark.network
class TestInstalled:
    def test_compiled_modules_are_imported(self, prefix: Path) -> None:
        code = (
            "import matplotlib, numpy, pandas, six\n"
            "matplotlib.use('agg')\n"
            "import matplotlib.pyplot\n"
            "print(pandas.Series(numpy.arange(4)).sum(), numpy.__version__, six.__version__)\n"
        )

        total, numpy, six = say(prefix, "python", "-c", code).split()

        assert (total, six) == ("6", "1.16.0")
        assert tuple(map(int, numpy.split(".")[:2])) < (2, 3)

    def test_commands_run_of_both_kinds(self, prefix: Path) -> None:
        assert say(prefix, "pygmentize", "-V").startswith("Pygments version")
        assert say(prefix, "f2py", "-v").startswith("2.")

    def test_pip_sees_what_conda_installed(self, prefix: Path) -> None:
        listed = json.loads(say(prefix, "python", "-m", "pip", "list", "--format", "json"))
        names = {each["name"].lower().replace("_", "-"): each["version"] for each in listed}

        records = {path.name.rsplit("-", 2)[0] for path in (prefix / "conda-meta").glob("*.json")}
        assert {name.replace("_", "-") for name in records} - {"python", "python-abi"} == set(names)

    def test_the_kernel_starts(self, prefix: Path) -> None:
        manager = KernelManager()
        argv = [str(prefix / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        manager._kernel_spec = KernelSpec(argv=argv, display_name="conda", language="python")
        heard: list[str] = []
        manager.start_kernel()
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            client.execute_interactive(
                "import sys; print(sys.prefix)",
                timeout=60,
                output_hook=lambda message: heard.append(message["content"].get("text", "")),
            )
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)

        assert str(prefix) in "".join(heard)

    def test_another_python_has_a_kernel_too(self, scientific_channel: Path, conda_cache: Path) -> None:
        others = {path.name.split("-")[1] for path in conda_channel.packages(scientific_channel, "python")}
        for version in others:
            found = conda_channel.solved(
                scientific_channel, f"python =={version}", "ipykernel", "numpy", cache=conda_cache
            )
            assert {"ipykernel", "numpy"} <= {record.name.normalized for record in found}

    def test_both_formats_are_installed(self, prefix: Path) -> None:
        records = [json.loads(path.read_text()) for path in (prefix / "conda-meta").glob("*.json")]
        old = {record["name"] for record in records if record["fn"].endswith(".tar.bz2")}

        assert old == {"six", "comm", "traitlets", "pygments", "tornado"}
