"""The environment variables of a kernel, as tables for Linux and Windows."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kernel_iso.planning import kernel_environment

FOLDERS: Mapping[str, list[str]] = {
    "/usr/local/cuda/lib64": ["libcudart.so.12", "libcublas.so.12"],
    "/usr/local/cuda/lib64/stubs": ["libcuda.so", "libnvidia-ml.so"],
    "/opt/cudnn/lib": ["libcudnn.so.9"],
    "/opt/nvjitlink": ["libnvJitLink.so.12"],
    "/usr/lib/x86_64-linux-gnu": ["libc.so.6", "libcuda.so.1", "libcudart.so.11", "libnvrtc.so.11"],
    "/usr/local/nvidia/lib64": ["libcuda.so.1", "libnvidia-ml.so.1"],
    "/usr/lib/wsl/lib": ["libcuda.so", "libcudadebugger.so.1"],
    "/opt/intel/lib": ["libmkl_rt.so"],
}


def linux(environ: Mapping[str, str], **more: object) -> dict[str, str]:
    """The environment of a kernel in `/p` on Linux."""
    return kernel_environment(
        environ,
        prefix="/p",
        python="/p/bin/python",
        os="linux",
        listing=lambda folder: FOLDERS.get(folder, []),
        **more,  # type: ignore[arg-type]
    )


def windows(environ: Mapping[str, str], **more: object) -> dict[str, str]:
    """The environment of a kernel in `C:\\p` on Windows."""
    return kernel_environment(
        environ,
        prefix=r"C:\p",
        python=r"C:\p\Scripts\python.exe",
        os="windows",
        **more,  # type: ignore[arg-type]
    )


OURS = {"PATH": "/p/bin", "VIRTUAL_ENV": "/p", "PYTHONNOUSERSITE": "1"}


@pytest.mark.parametrize(
    "name",
    [
        "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__",
        "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL",
        "PYENV_VERSION", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV",
        "UV_PROJECT_ENVIRONMENT", "UV_PYTHON",
    ],
)  # fmt: skip
def test_what_leads_out_of_the_prefix_is_not_inherited(name: str) -> None:
    """Neither the value nor, for what is set anew, the old value remains."""
    assert linux({name: "/elsewhere"}) == OURS


@pytest.mark.parametrize(
    "name",
    [
        "HOME", "TMPDIR", "LANG", "HTTPS_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
        "PIP_INDEX_URL", "UV_INDEX_URL", "CUDA_VISIBLE_DEVICES", "JPY_SESSION_NAME", "JPY_PARENT_PID",
        "JUPYTER_PATH", "PYTHONHASHSEED", "PYTHONWARNINGS", "KERNEL_ISO_STORE",
    ],
)  # fmt: skip
def test_what_belongs_to_the_person_is_inherited(name: str) -> None:
    """Certificates, proxies, indexes, devices and Jupyter's own variables reach the kernel."""
    assert linux({name: "value"}) == {name: "value", **OURS}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/usr/local/bin:/usr/bin", "/p/bin:/usr/local/bin:/usr/bin"),
        ("/usr/bin:/p/bin", "/p/bin:/usr/bin"),
        ("/srv/venv/bin:/usr/bin", "/p/bin:/srv/venv/bin:/usr/bin"),
        (":/usr/bin:", "/p/bin:/usr/bin"),
        ("", "/p/bin"),
    ],
)
def test_the_prefix_comes_first_on_the_path(before: str, after: str) -> None:
    """`!python` finds the prefix's before every other, and the working folder is not searched."""
    assert after == linux({"PATH": before})["PATH"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/usr/local/cuda/lib64", None),
        ("/usr/local/cuda/lib64:/opt/intel/lib", "/opt/intel/lib"),
        ("/usr/local/cuda/lib64/stubs:/opt/cudnn/lib:/opt/nvjitlink:/opt/intel/lib", "/opt/intel/lib"),
        (
            "/usr/lib/x86_64-linux-gnu:/usr/local/nvidia/lib64",
            "/usr/lib/x86_64-linux-gnu:/usr/local/nvidia/lib64",
        ),
        ("/usr/lib/wsl/lib/", "/usr/lib/wsl/lib/"),
        ("/not/there", "/not/there"),
        (":/opt/intel/lib:", "/opt/intel/lib"),
        ("/conda/lib:/conda2/lib", "/conda2/lib"),
    ],
)
def test_toolkits_leave_the_library_path_and_the_driver_stays(before: str, after: str | None) -> None:
    """Folders of a CUDA toolkit, of the active environment and empty ones go; the others stay in order."""
    assert after == linux({"LD_LIBRARY_PATH": before, "CONDA_PREFIX": "/conda"}).get("LD_LIBRARY_PATH")


def test_stubs_are_no_driver() -> None:
    """A toolkit's stubs folder holds a libnvidia-ml.so without a version: it goes."""
    assert "LD_LIBRARY_PATH" not in linux({"LD_LIBRARY_PATH": "/usr/local/cuda/lib64/stubs"})


def test_the_folders_of_this_machine_are_looked_at_by_default(tmp_path) -> None:
    """Without a listing of its own the function reads the folders themselves; one that is missing stays."""
    toolkit = tmp_path / "cuda"
    toolkit.mkdir()
    (toolkit / "libcudnn.so.9").touch()
    result = kernel_environment(
        {"LD_LIBRARY_PATH": f"{toolkit}:{tmp_path / 'missing'}"},
        prefix="/p",
        python="/p/bin/python",
        os="linux",
    )
    assert str(tmp_path / "missing") == result["LD_LIBRARY_PATH"]


def test_the_notebooks_variables_are_set_and_undo_nothing() -> None:
    """A variable of the plan wins over an inherited one, but not over what makes the prefix the prefix."""
    result = linux(
        {"TZ": "CET"}, env=(("TZ", "UTC"), ("OMP_NUM_THREADS", "2"), ("VIRTUAL_ENV", "/x"), ("PATH", "/x"))
    )
    assert result == {"TZ": "UTC", "OMP_NUM_THREADS": "2", **OURS, "PATH": "/p/bin:/x"}


def test_the_projects_code_is_importable_in_subprocesses_too() -> None:
    """The own folders are the only PYTHONPATH."""
    result = linux({"PYTHONPATH": "/elsewhere"}, own_paths=("/w/src", "/w/lib"))
    assert result == {**OURS, "PYTHONPATH": "/w/src:/w/lib"}


def test_on_windows_names_have_one_case_and_paths_their_own_separators() -> None:
    """`Path` and `PATH` are one variable, its entries are joined by semicolons, and Scripts comes first."""
    result = windows(
        {"Path": r"C:\Windows\system32;C:\Windows", "PythonPath": r"C:\x", "SystemRoot": r"C:\Windows"},
        env=(("omp_num_threads", "2"),),
        own_paths=(r"D:\w\src", r"D:\w\lib"),
    )
    assert result == {
        "PATH": r"C:\p\Scripts;C:\Windows\system32;C:\Windows",
        "SYSTEMROOT": r"C:\Windows",
        "OMP_NUM_THREADS": "2",
        "VIRTUAL_ENV": r"C:\p",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": r"D:\w\src;D:\w\lib",
    }


def test_an_interpreter_at_the_top_of_its_prefix_is_found_first() -> None:
    """conda's layout on Windows: python.exe at the top, its tools in Scripts."""
    result = kernel_environment({"PATH": r"C:\W"}, prefix=r"C:\c", python=r"C:\c\python.exe", os="windows")
    assert result["PATH"] == r"C:\c;C:\c\Scripts;C:\W"


def test_the_library_path_is_left_alone_on_windows() -> None:
    """LD_LIBRARY_PATH means nothing there."""
    assert windows({"LD_LIBRARY_PATH": "/cuda"})["LD_LIBRARY_PATH"] == "/cuda"
