"""The base of every data type: frozen, strict JSON in and out, and digests of the meaning."""

from __future__ import annotations

import hashlib
from typing import Any, Self

import msgspec

from kernel_iso.errors import SpecError

DIGEST_RULE = "kernel-iso/1"
"""The version of the digest rule. It is hashed with every record, so that a later rule cannot meet an older key."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen value that travels as strict JSON.

    Fields that hold their default are left out, so that a field added later changes no digest. A list in
    JSON becomes a tuple.
    """

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON types."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The record that `data` describes.

        Raises `SpecError` (`bad-record`) that names the key path of an unknown key or a wrong type.
        """
        try:
            return msgspec.convert(data, cls, strict=True)
        except msgspec.ValidationError as error:
            raise SpecError(
                "bad-record",
                f"cannot read a {cls.__name__}",
                str(error).replace("Object contains", "it contains"),
                "compare it with what `kernel-iso … --json` prints",
            ) from None

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """The record in a JSON text; raises like `from_json`."""
        try:
            data = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise SpecError(
                "bad-json",
                f"cannot read a {cls.__name__}",
                str(error),
                "the file may be cut off; make it again",
            ) from None
        return cls.from_json(data)

    def to_text(self) -> str:
        """The record as canonical JSON: sorted keys, no spaces."""
        return canonical(self)


def canonical(value: object) -> str:
    """`value` as JSON with sorted keys and no spaces: equal meaning, equal text.

    >>> canonical({"b": (1, 2), "a": None})
    '{"a":null,"b":[1,2]}'
    """
    return msgspec.json.encode(value, order="sorted").decode()


def digest(value: object) -> str:
    """The SHA-256 (64 hex digits) of a value's meaning, with the rule's version inside.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(f"{DIGEST_RULE}\n{canonical(value)}".encode()).hexdigest()
