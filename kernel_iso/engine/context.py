"""What every verb works with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kernel_iso import policy as policies
from kernel_iso.model import Emit, Policy, quiet
from kernel_iso.processes import Tools
from kernel_iso.store import Store
from kernel_iso.trust import Approvals


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The policy, the store, the person's approvals, and where events go. Cheap to make; holds no state of its own.

    `environ` is the environment of the face that called. Setting `cancelled` from any thread ends what runs:
    its tools are killed and `CancelledError` is raised. `listing` is how the face makes Jupyter's list of kernels
    agree with the named environments in the store. `captures` says that the face's standard output carries its own
    protocol: the output of a command that is run belongs into the result. `root` is the folder that a server serves
    ("" for none): a target that is not named is this folder, and no project file above it counts.
    """

    policy: Policy
    store: Store
    approvals: Approvals
    environ: Mapping[str, str]
    emit: Emit = quiet
    cancelled: threading.Event
    listing: Callable[[Store], None] | None = None
    captures: bool = False
    root: str = ""

    @classmethod
    def open(
        cls,
        environ: Mapping[str, str],
        *,
        emit: Emit = quiet,
        cancelled: threading.Event | None = None,
        server: Mapping[str, object] | None = None,
        listing: Callable[[Store], None] | None = None,
        captures: bool = False,
        root: str = "",
    ) -> Engine:
        """The engine for this person on this machine; `server` is the policy layer of a Jupyter server's administrator."""
        policy = policies.read(environ, server=server)
        store = Path(policy.store)
        return cls(
            policy=policy,
            store=Store(store),
            approvals=Approvals(store / "approvals"),
            environ=environ,
            emit=emit,
            cancelled=cancelled or threading.Event(),
            listing=listing,
            captures=captures,
            root=root,
        )

    def announce(self) -> None:
        """Say that the named environments have changed."""
        if self.listing is not None:
            self.listing(self.store)

    def with_emit(self, emit: Emit) -> Engine:
        """The same engine that reports elsewhere."""
        return replace(self, emit=emit)

    def run(self, phase: str, key: str = "") -> Tools:
        """The way to run tools for one step; those of a build hold its log, so that others wait for their end."""
        holding = self.store.holding(key) if phase == "realise" and key else ()
        return Tools(
            self.environ, emit=self.emit, phase=phase, key=key, cancelled=self.cancelled, holding=holding
        )
