"""The seams: what a backend is, and how it runs a tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from kernel_iso.model.locks import Lock, Package, Part
from kernel_iso.model.machines import Machine
from kernel_iso.model.plans import Plan
from kernel_iso.model.records import Record


class Done(Record, frozen=True, kw_only=True):
    """How a tool ended. `status` is its exit status; lines have no secrets in them."""

    status: int
    stdout: str = ""
    stderr: str = ""


class Run(Protocol):
    """Runs tools. A backend is handed one, so that a test is a function and not a patch."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        input: str = "",
        on_line: Callable[[str], None] | None = None,
    ) -> Done:
        """Run a tool to its end in a scrubbed environment (`env` is added) and return how it ended.

        `on_line` is called with each line of stderr as it comes. An exit status is returned, not raised. Raises
        `ToolError` (`tool-missing`) when it cannot be started, and `CancelledError` when the person cancelled
        (the whole process group is gone then).
        """
        ...

    def worker(self, module: str, request: object, *, python: str = "") -> object:
        """Run `python -m module` with `request` as JSON on stdin; return the JSON result of its last line.

        Lines before are ndjson `{"tell": [text, done, total]}` and are passed to `tell`. Raises what the worker
        raised, and `ToolError` (`worker-died`) when it ended without a result.
        """
        ...

    def tell(self, text: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
        """Report progress of the present step."""
        ...


class Backend(Protocol):
    """What turns a Plan into a Lock and a Lock into files; satisfied by a module (entry points `kernel_iso.backends`)."""

    name: str

    def ready(self, machine: Machine) -> str:
        """ "" where the backend can work on this machine, or one sentence why not."""
        ...

    def lock(self, plan: Plan, run: Run, *, preferences: tuple[str, ...] = ()) -> Lock:
        """Resolve the plan into exact artefacts, wheels only, running no package's code.

        `preferences` are "name==version" of a former lock: kept where they still fit. Raises `ConflictError` when
        no versions fit, and `ToolError` when an index does not answer.
        """
        ...

    def realise(self, plan: Plan, part: Part, at: str, run: Run) -> str:
        """Make the folder `at` (absolute; does not exist) into an environment that holds the part; return its interpreter.

        Every artefact is verified against its hash. May leave a half-made folder when it fails: the store deletes it.
        """
        ...

    def inspect(self, python: str, run: Run) -> tuple[Package, ...]:
        """The packages that an environment's interpreter sees in its own folder, by name."""
        ...
