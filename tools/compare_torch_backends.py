"""Compare the torch that `uv pip install --torch-backend=auto` and `kernel-iso plan` choose, on made-up machines.

python tools/compare_torch_backends.py                    write the tables into docs/accelerators.md
python tools/compare_torch_backends.py --check MACHINE…   change nothing; end with 1 where rows of these are stale

Both see the same machine: uv by mounts over /sys and /proc in a namespace of its own and by stand-in tools on its
PATH, our probe by the same tree and by stand-in driver libraries. Both choose from the same index, which has a
stand-in wheel for every build in `accelerators.toml`; towards uv it plays PyTorch's, behind a proxy. Which of two
choices is better is judged by that table. Needs Linux on x86_64, `unshare`, `openssl` and a C compiler.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from uv import find_uv_bin

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from fakes import library  # noqa: E402  the folder is not a package
from fakes.boxes import MACHINES, MOUNTED, Box  # noqa: E402
from wheelhouse import Wheelhouse  # noqa: E402

from kernel_iso.accelerators import cuda_of, kind, numbers, table  # noqa: E402
from kernel_iso.guest import probe  # noqa: E402
from kernel_iso.model import Machine, Policy  # noqa: E402
from kernel_iso.planning.builds import Build, Device, builds, devices, obstacle, serves  # noqa: E402
from kernel_iso.processes import scrub  # noqa: E402

PAGE = ROOT / "docs" / "accelerators.md"
BEGIN, END = "<!-- uv: begin (tools/compare_torch_backends.py) -->", "<!-- uv: end -->"
PYTHON, PLATFORM = "3.12", "linux-x86_64"
ASKED = ("torch", "torch==2.15.0", "torch==2.7.1", "torch<2.6")

ENTER = f"""
tree="$1" path="$2"; shift 2
for place in {" ".join(MOUNTED)}; do mount --bind "$tree/$place" "/$place" || exit 97; done
PATH="$path"; export PATH; exec "$@"
"""
PROBE = "import json, sys; from kernel_iso.guest import probe; print(json.dumps(probe.facts(sys.argv[1])))"


# ---- asking both


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The index, which also stands for PyTorch's host, and a folder with the certificate and the driver."""

    house: Wheelhouse
    folder: Path

    def by_uv(self, root: Path, box: Box, asked: str) -> str:
        """The version that uv chooses on a machine, or "" where it finds none."""
        environ = {**plain(), **box.told, "HTTPS_PROXY": f"http://127.0.0.1:{self.house.port}"}
        environ["SSL_CERT_FILE"] = str(self.folder / "host.pem")
        inside = ["unshare", "-rm", "sh", "-c", ENTER, "sh", str(root), str(root / "bin")]
        return self._resolved([*inside, find_uv_bin()], environ, asked, "--torch-backend=auto")

    def by_us(self, root: Path, machine: Path, asked: str) -> str:
        """The version that our plan leads to, or the code of its error."""
        block = f"# /// script\n# dependencies = {json.dumps([asked])}\n# ///"
        cell: dict[str, object] = {
            "cell_type": "code",
            "id": "a",
            "metadata": {},
            "source": block,
            "outputs": [],
            "execution_count": None,
        }
        notebook = root / "a.ipynb"
        notebook.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        environ = {**plain(), "KERNEL_ISO_STORE": str(self.folder / "store"),
                   "KERNEL_ISO_CONFIG": str(self.folder / "policy.toml")}  # fmt: skip
        command = [
            sys.executable,
            "-m",
            "kernel_iso",
            "plan",
            "--json",
            str(notebook),
            "--machine",
            str(machine),
        ]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, cwd=root)
        last = json.loads(done.stdout.splitlines()[-1])
        if "error" in last:
            return str(last["error"]["code"])
        plan = last["result"]["plan"]
        index = f"{self.house.builds}/{plan['accelerator']}"
        return self._resolved(
            [find_uv_bin()], plain(), asked, *plan.get("build_limits", ()), f"--index-url={index}"
        )

    def _resolved(self, command: list[str], environ: dict[str, str], *asked: str) -> str:
        common = ["--no-config", f"--python={sys.executable}", f"--python-version={PYTHON}", "--dry-run"]
        places = [f"--cache-dir={self.folder / 'cache'}", f"--target={self.folder / 'nothing'}"]
        words = [*command, "pip", "install", *common, *places, *asked]
        done = subprocess.run(words, env=environ, capture_output=True, text=True)
        found = re.search(r"^ \+ torch==(\S+)$", done.stderr, re.MULTILINE)
        if not found and "No solution found" not in done.stderr:
            raise SystemExit(f"{' '.join(asked)}: {done.stderr}")
        return found[1] if found else ""

    def machine(self, root: Path, box: Box) -> Path:
        """A file with the machine as our own probe tells it, and with the one Python."""
        environ = {**plain(), **box.told, "PATH": str(root / "bin")}
        if box.gpus:
            environ["LD_LIBRARY_PATH"] = str(self.folder / "driver")
        facts = json.loads(subprocess.check_output([sys.executable, "-c", PROBE, str(root)], env=environ))
        facts["pythons"] = [{"version": f"{PYTHON}.0", "path": "/usr/bin/python", "source": "system"}]
        (root / "machine.json").write_text(json.dumps(facts))
        return root / "machine.json"


def plain() -> dict[str, str]:
    """Our environment without what people set to change what is found, and from where."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    kept = {name: value for name, value in scrub(os.environ).items() if name.lower() not in proxies}
    return {
        name: value
        for name, value in kept.items()
        if name not in probe.VARIABLES and not name.startswith("UV_")
    }


@contextmanager
def bench() -> Iterator[Bench]:
    """Make the certificate, the stand-in driver and the index."""
    base = urlsplit(Policy().torch_index)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        house = stack.enter_context(
            Wheelhouse(hosts={str(base.hostname): _certified(str(base.hostname), folder)})
        )
        assert house.builds.endswith(base.path), "the stand-in index has its builds elsewhere than PyTorch's"
        for name in ("libnvidia-ml.so.1", "libcuda.so.1"):
            library(name, folder / "driver")
        (folder / "policy.toml").write_text(
            f'indexes = [{{name = "local", url = "{house.url}"}}]\ntorch-index = "{house.builds}"\n'
        )
        for release in table().releases:
            first, last = (numbers(python)[1] for python in release.python)
            for tag in release.tags[PLATFORM]:
                for minor in range(first, last + 1):
                    wheel = f"cp3{minor}-cp3{minor}-manylinux_2_28_x86_64"
                    house.wheel("torch", f"{release.release}.{release.patch}+{tag}", tag=wheel)
        yield Bench(house=house, folder=folder)


def _certified(host: str, folder: Path) -> ssl.SSLContext:
    """TLS for a host, with a certificate that `host.pem` makes trusted."""
    key, pem = folder / "host.key", folder / "host.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=stand-in", "-addext", "basicConstraints=critical,CA:FALSE"]
    subject = ["-addext", f"subjectAltName=DNS:{host}"]
    subprocess.run([*made, *names, *subject, "-keyout", key, "-out", pem], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context


# ---- judging


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What one of them chose on a machine: how good it is, and what there is to say of it."""

    text: str
    score: tuple[int, tuple[int, ...]]
    remark: str


def judged(version: str, machine: Machine) -> Choice:
    """How good a choice is: first the GPUs that it serves, then the release.

    Below every build that serves one are the CPU's, then none at all, then one that fails on every GPU.
    """
    data = table()
    found = [one for of in ("cuda", "rocm", "xpu") for one in devices(machine, data, of)[0]]
    public, _, tag = version.partition("+")
    if not tag:
        return Choice(text=f"refuses (`{version}`)" if version else "finds none", score=(-1, ()), remark="")
    release = ".".join(public.split(".")[:2])
    key = numbers(release)
    if tag == "cpu":
        return Choice(
            text=version, score=(0 if found else 1, key), remark="leaves the GPU idle" if found else ""
        )
    if not found:
        return Choice(text=version, score=(0, key), remark=f"{tag} where no GPU can be used")
    among = builds(data.releases, PLATFORM, data, of=kind(tag))
    rows = [row for row in data.releases if row.release == release]
    build = builds(rows, PLATFORM, data, tag=tag)[0]
    count = sum(serves(build, device, data) for device in found)
    return Choice(text=version, score=(count or -2, key), remark=_remark(build, found, among))


def _remark(build: Build, found: list[Device], among: tuple[Build, ...]) -> str:
    data = table()
    wrong = [obstacle(build, (device,), among, data) for device in found if not serves(build, device, data)]
    if not wrong and kind(build.tag) == "cuda" and cuda_of(build.tag) > numbers(found[0].cuda):
        return f"{build.tag} on a driver with CUDA {found[0].cuda}"
    return "; ".join(wrong)


def verdict(uv: Choice, ours: Choice) -> tuple[str, str]:
    """Whose choice is better, and why."""
    best = "both" if uv.score == ours.score else "uv" if uv.score > ours.score else "kernel-iso"
    if best == "both" and uv.score[0] < 1:
        best = "neither"
    remarks = [f"{name}: {each.remark}" for name, each in (("uv", uv), ("kernel-iso", ours)) if each.remark]
    if uv.remark and uv.remark == ours.remark:
        remarks = [f"both: {uv.remark}"]
    if best in ("uv", "kernel-iso") and uv.score[0] == ours.score[0]:
        remarks.append(f"{'uv' if best == 'uv' else 'kernel-iso'}: the newer torch")
    return best, "; ".join(remarks)


# ---- the page


def rows(at: Bench, names: Iterable[str] = ()) -> dict[str, list[str]]:
    """A table's lines for each of what is asked, for all machines or those named."""
    wanted = [box for box in MACHINES if not names or box.name in names]
    lines: dict[str, list[str]] = {asked: [] for asked in ASKED}
    for place, box in enumerate(wanted):
        root = box.made(at.folder / f"machine-{place}")
        file = at.machine(root, box)
        machine = Machine.from_text(file.read_bytes())
        for asked in ASKED:
            uv, ours = (
                judged(version, machine)
                for version in (at.by_uv(root, box, asked), at.by_us(root, file, asked))
            )
            best, why = verdict(uv, ours)
            lines[asked].append(f"| {box.name} | {uv.text} | {ours.text} | {best} | {why} |")
    return lines


def section(lines: dict[str, list[str]], version: str, today: str) -> str:
    """What stands between the markers."""
    parts = [f"Seen on {today} with {version}, Python {PYTHON}, and the builds known on {table().checked}."]
    for asked, each in lines.items():
        parts.append(
            f"\nAsked for `{asked}`:\n\n| machine | uv | kernel-iso | better | remarks |\n|---|---|---|---|---|"
        )
        parts += each
    return "\n".join(parts)


def stale(lines: dict[str, list[str]], page: str) -> list[str]:
    """The lines that the page does not have in the table of what they are about."""
    tables = {part.partition("`")[0]: part.splitlines() for part in page.split("Asked for `")[1:]}
    return [line for asked, each in lines.items() for line in each if line not in tables.get(asked, ())]


def main(arguments: list[str]) -> int:
    """Write or check; return the exit status."""
    parser = argparse.ArgumentParser(description="Compare with uv's automatic choice of torch.")
    parser.add_argument("--check", nargs="+", metavar="MACHINE", choices=[box.name for box in MACHINES])
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    text = options.page.read_text(encoding="utf-8")
    with bench() as at:
        lines = rows(at, options.check or ())
    if options.check:
        wrong = stale(lines, text)
        print("\n".join(wrong), file=sys.stderr)
        return 1 if wrong else 0
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{options.page}: the markers {BEGIN} and {END} are missing")
    version = subprocess.check_output([find_uv_bin(), "--version"], text=True).split(" (")[0].strip()
    fresh = section(lines, version, datetime.now(UTC).date().isoformat())
    options.page.write_text("\n".join([before + BEGIN, fresh, END + after]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
