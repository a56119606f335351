"""Record what the tools say when something goes wrong, for the tests of `kernel_iso.backends.explaining`.

    python tests/transcripts/record.py uv PATH_OF_UV...
    python tests/transcripts/record.py pip PYTHON_WITH_PIP...

One folder a tool and version, one file a case. Ports and folders are replaced, so that recording again
changes nothing but what the tool says. Run it for every new release of uv and pip.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from wheelhouse import Wheelhouse  # noqa: E402  the folder is not a package

from kernel_iso.backends import explaining  # noqa: E402
from kernel_iso.processes import scrub  # noqa: E402

REQUESTS = {
    "conflict": "blue>=2\ncyan",
    "conflict-chain": "top\ncyan\nwhite",
    "conflict-direct": "blue<2\nblue>=2",
    "conflict-constraint": "blue>=2",
    "too-new": "blue>=3",
    "no-such-package": "nothere",
    "no-such-dependency": "lost",
    "only-sdist": "onlysdist",
    "only-sdist-dependency": "needy",
    "other-platform": "winonly",
    "other-python": "oldonly",
    "bad-url": "blue @ https://127.0.0.1:9/blue-1.0-py3-none-any.whl",
}
FAILURES: dict[str, int | str] = {"401": 401, "403": 403, "500": 500, "dropped": "drop"}
NOWHERE = {"refused": "http://127.0.0.1:9/simple", "no-name": "https://nowhere.example.invalid/simple"}


@contextmanager
def house() -> Iterator[Wheelhouse]:
    with Wheelhouse() as index:
        index.wheel("blue", "1.0", requires=["green>=1"])
        index.wheel("blue", "2.0", requires=["green>=2"])
        index.wheel("green", "1.0")
        index.wheel("green", "2.0")
        index.wheel("cyan", "1.0", requires=["green<2"])
        index.wheel("cyan", "1.1", requires=["green<2"])
        index.wheel("top", "1.0", requires=["middle"])
        index.wheel("middle", "1.0", requires=["blue>=2"])
        index.wheel("white", "1.0")
        index.wheel("lost", "1.0", requires=["nothere"])
        index.wheel("needy", "1.0", requires=["onlysdist"])
        index.wheel("winonly", "1.0", tag="cp312-cp312-win_amd64")
        index.wheel("oldonly", "1.0", tag="cp38-cp38-manylinux_2_17_x86_64")
        index.sdist("onlysdist", "1.0", setup="raise SystemExit('it ran')")
        index.wheel("tampered", "1.0").tamper()
        index.wheel("cut", "1.0").cut()
        yield index


class Recorder:
    """Runs a tool in a private folder and keeps what it says."""

    def __init__(self, name: str, folder: Path) -> None:
        self.into = HERE / name
        self.into.mkdir(exist_ok=True)
        self.folder = folder

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text + "\n")
        return str(self.folder / name)

    def run(self, *command: str) -> str:
        environ = {**scrub(os.environ), "UV_HTTP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
        done = subprocess.run(
            command, cwd=self.folder, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert done.returncode, (command, done.stdout)
        text = done.stdout.replace(str(self.folder), "/tmp/private")
        text = re.sub(r"127\.0\.0\.1:(?!9/)\d+", "index.example.org", text)
        return re.sub(
            r"host='127\.0\.0\.1', port=\d+",
            "host='index.example.org', port=80",
            re.sub("0x\\w+", "0x0", text),
        )

    def keep(self, case: str, text: str) -> None:
        (self.into / f"{case}.txt").write_text(text.strip() + "\n")


def record_uv(uv: str) -> None:
    version = subprocess.run([uv, "--version"], capture_output=True, text=True).stdout.split()[1]
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(f"uv-{version}", Path(folder))
        common = [
            "--no-config",
            "--no-python-downloads",
            "--color",
            "never",
            "--cache-dir",
            f"{folder}/cache",
        ]

        def compiled(index: str, text: str, *more: str) -> str:
            return recorder.run(
                *(uv, "pip", "compile", *common, "--python", PYTHON, "--python-version", "3.12"),
                *("--no-build", "--no-header", "--default-index", f"main={index}", *more),
                recorder.file("requirements.in", text),
            )

        def installed(index: str, name: str, digest: str, *more: str, size: str = "") -> str:
            subprocess.run([uv, "venv", *common, "--clear", "--quiet", "--python", PYTHON, f"{folder}/env"])
            address = f"{index.removesuffix('/simple')}/files/{name}-1.0-py3-none-any.whl"
            wheel = f'{{url = "{address}", {size}hashes = {{sha256 = "{digest}"}}}}'
            lock = (
                f'lock-version = "1.0"\ncreated-by = "us"\n[[packages]]\nname = "{name}"\nversion = "1.0"\n'
            )
            return recorder.run(
                *(uv, "pip", "install", *common, "--python", f"{folder}/env/bin/python", "--no-build"),
                *(
                    "--require-hashes",
                    "--preview-features",
                    "pylock",
                    *more,
                    "--default-index",
                    f"main={index}",
                ),
                *("-r", recorder.file("pylock.toml", f"{lock}wheels = [{wheel}]")),
            )

        with house() as index:
            constraint = ("--constraints", recorder.file("constraints.in", "green<2"))
            record_all(recorder, index, compiled, constraint)
            recorder.keep("offline", compiled(index.url, "neverseen", "--offline"))
            for name in ("tampered", "cut"):
                found = next(each for each in index.artefacts if each.project == name)
                recorder.keep(f"install-{name}", installed(index.url, name, found.sha256))
            found = next(each for each in index.artefacts if each.project == "tampered")
            recorder.keep(
                "install-resized", installed(index.url, "tampered", found.sha256, size="size = 7, ")
            )
            white = next(each for each in index.artefacts if each.project == "white")
            recorder.keep("install-offline", installed(index.url, "white", white.sha256, "--offline"))
            index.failure, index.failing = 500, "files"
            recorder.keep("install-500", installed(index.url, "white", white.sha256))
            index.failure = 401
            recorder.keep("install-401", installed(index.url, "white", white.sha256))


def record_pip(python: str) -> None:
    version = subprocess.run(
        [python, "-m", "pip", "--version"], capture_output=True, text=True
    ).stdout.split()[1]
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(f"pip-{version}", Path(folder))
        pip = [
            python,
            "-I",
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--no-color",
        ]
        pip += ["--progress-bar", "off", "--no-cache-dir", "--retries", "0", "--timeout", "5"]

        def compiled(index: str, text: str, *more: str) -> str:
            lock = [*pip, "--dry-run", "--ignore-installed", "--only-binary", ":all:", "--index-url", index]
            text = recorder.run(*lock, *more, "-r", recorder.file("requirements.in", text))
            if found := re.search(r"satisfies the requirement ([\w.-]+).*from versions: none", text):
                details = recorder.run(*lock, "-vv", "--no-deps", found[1])
                # As the backend does; the rest are tracebacks and folders of the machine.
                text += "\n".join(explaining.details(details))
            return text

        with house() as index:
            constraint = ("--constraint", recorder.file("constraints.in", "green<2"))
            record_all(recorder, index, compiled, constraint)
            install = [
                *pip,
                "--no-deps",
                "--only-binary",
                ":all:",
                "--require-hashes",
                "--target",
                f"{folder}/to",
            ]
            install += ["--index-url", index.url, "-r"]
            for name in ("tampered", "cut"):
                found = next(each for each in index.artefacts if each.project == name)
                line = f"{name}==1.0 --hash=sha256:{found.sha256}"
                recorder.keep(
                    f"install-{name}", recorder.run(*install, recorder.file("requirements.txt", line))
                )
            index.failure, index.failing = 500, "files"
            white = next(each for each in index.artefacts if each.project == "white")
            line = f"white==1.0 --hash=sha256:{white.sha256}"
            recorder.keep("install-500", recorder.run(*install, recorder.file("requirements.txt", line)))
            index.failure = 401
            recorder.keep("install-401", recorder.run(*install, recorder.file("requirements.txt", line)))


def record_all(
    recorder: Recorder, index: Wheelhouse, compiled: Callable[..., str], constraint: tuple[str, str]
) -> None:
    for case, text in REQUESTS.items():
        more = constraint if case == "conflict-constraint" else ()
        recorder.keep(case, compiled(index.url, text, *more))
    for case, url in NOWHERE.items():
        recorder.keep(case, compiled(url, "blue"))
    for case, failure in FAILURES.items():
        with Wheelhouse(failure=failure) as broken:
            recorder.keep(case, compiled(broken.url, "blue"))


PYTHON = os.environ.get("RECORD_PYTHON", sys.executable)

if __name__ == "__main__":
    record = {"uv": record_uv, "pip": record_pip}[sys.argv[1]]
    for tool in sys.argv[2:]:
        record(os.path.abspath(tool))  # noqa: PTH100  a link to a Python must stay a link
