"""What was approved on this machine, and what an approval covers."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import platform
import re
import secrets
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kernel_iso.errors import SpecError, ToolError
from kernel_iso.model import Index, Policy, Record, Spec, canonical, digest

SECRET_BYTES = 32

DIGEST = re.compile(r"[0-9a-f]{64}")


def covers(
    spec: Spec, locks: Sequence[str] = (), indexes: Iterable[Index] = (), channels: Iterable[str] = ()
) -> str:
    """The digest that an approval is given for: what the Spec asks, the locks that lie with it, indexes and channels.

    Changing any of them asks again; where the Spec was read does not matter, so that the same wishes are
    approved wherever they lie.

    >>> covers(Spec(requirements=("numpy",))) == covers(Spec(requirements=("numpy", "pandas")))
    False
    """
    places = [[index.name, index.url] for index in indexes]
    about = {"spec": spec.meaning(), "locks": list(locks), "indexes": places}
    if named := list(channels):
        about["channels"] = named
    return digest({"approval": about})


def trusted_folder(path: Path, policy: Policy) -> bool:
    """True where `path` really lies in a folder that the policy trusts; a link that leads out does not."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in policy.trusted_folders if folder)


class Approval(Record, frozen=True, kw_only=True):
    """One approval: what it is `about`, `at` which second since the epoch, on which machine (`where`).

    `seal` is the HMAC-SHA256 of the rest under the person's secret.
    """

    digest: str
    about: dict[str, object]
    at: float = 0
    where: str = ""
    seal: str = ""


class Approvals:
    """What a person has approved on this machine: a file for each digest in a folder of the person's own.

    Every file is sealed with a secret that is made here on first use and never leaves: a file that came from
    elsewhere, was changed, or was renamed counts for nothing. Reading makes nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, digest: str) -> bool:
        """True where exactly this digest was approved here."""
        return self.get(digest) is not None

    def get(self, digest: str) -> Approval | None:
        """The approval of exactly this digest, None where there is none that counts."""
        return self._read(digest, self._secret())

    def all(self) -> tuple[Approval, ...]:
        """Every approval that counts, the oldest first."""
        secret = self._secret()
        try:
            names = [path.stem for path in self.folder.glob("*.json")]
        except OSError:
            return ()
        found = [approval for name in names if (approval := self._read(name, secret))]
        return tuple(sorted(found, key=lambda approval: (approval.at, approval.digest)))

    def approve(self, digest: str, about: Mapping[str, object], *, where: str = "") -> None:
        """Remember that this digest is approved; `about` tells people later what it was (JSON types).

        `where` is this machine's name unless given. Raises `ToolError` (`approvals-unwritable`).
        """
        place = self._place(digest)
        approval = Approval(digest=digest, about=dict(about), at=time.time(), where=where or platform.node())
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.chmod(0o700)
            sealed = _sealed(approval, self._own_secret())
            # mkstemp makes the file 0600: https://docs.python.org/3/library/tempfile.html#tempfile.mkstemp
            temporary = self._written(sealed.to_text().encode())
            temporary.replace(place)
        except OSError as error:
            raise self._unwritable("keep an approval", error) from None

    def revoke(self, digest: str) -> bool:
        """Forget an approval; True where there was one. Raises `ToolError` (`approvals-unwritable`)."""
        try:
            self._place(digest).unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise self._unwritable("forget an approval", error) from None
        return True

    def _place(self, digest: str) -> Path:
        """The file of a digest. Raises `SpecError` (`bad-digest`): nothing else may become a path."""
        if not DIGEST.fullmatch(digest):
            raise SpecError(
                "bad-digest",
                f"cannot look up `{digest[:80]}`",
                "a digest has 64 hex digits",
                "kernel-iso trust --show",
            )
        return self.folder / f"{digest}.json"

    def _read(self, digest: str, secret: bytes) -> Approval | None:
        """The approval of a digest, None where it does not count."""
        if not secret or not DIGEST.fullmatch(digest):
            return None
        try:
            found = Approval.from_text(self._place(digest).read_bytes())
        except (OSError, SpecError):
            return None
        genuine = hmac.compare_digest(found.seal.encode(), _sealed(found, secret).seal.encode())
        return found if genuine and found.digest == digest else None

    def _secret(self) -> bytes:
        """The person's secret, empty where there is none that can be used."""
        try:
            secret = (self.folder / "secret").read_bytes()
        except OSError:
            return b""
        return secret if len(secret) == SECRET_BYTES else b""

    def _own_secret(self) -> bytes:
        """The person's secret, made where there is none: whole or not at all, and by one process only."""
        if secret := self._secret():
            return secret
        place = self.folder / "secret"
        if place.exists():  # cut off or emptied: what it sealed is lost, and is asked again
            place.unlink(missing_ok=True)
        temporary = self._written(secrets.token_bytes(SECRET_BYTES))
        try:
            # A link, unlike a rename, refuses where another process was first.
            with contextlib.suppress(FileExistsError):
                os.link(temporary, place)
        except OSError:  # a file system without links
            temporary.replace(place)
        temporary.unlink(missing_ok=True)
        return self._secret()

    def _written(self, data: bytes) -> Path:
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        return Path(name)

    def _unwritable(self, what: str, error: OSError) -> ToolError:
        return ToolError(
            "approvals-unwritable",
            f"cannot {what}",
            f"{self.folder} cannot be written: {(error.strerror or str(error)).lower()}",
            "make that folder yours and writable, or set KERNEL_ISO_STORE to a folder of yours",
        )


def _sealed(approval: Approval, secret: bytes) -> Approval:
    """The approval with its seal."""
    parts = approval.to_json()
    parts.pop("seal", None)
    seal = hmac.new(secret, canonical({"approval": parts}).encode(), hashlib.sha256).hexdigest()
    return Approval.from_json(parts | {"seal": seal})
