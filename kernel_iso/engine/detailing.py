"""What formats tell of conda's packages beyond a lock of ours: from the prefix itself, and from the channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from kernel_iso import exporting
from kernel_iso.backends.conda import locking, prefixes
from kernel_iso.engine.context import Engine
from kernel_iso.errors import CancelledError, IsoError
from kernel_iso.exporting import Conda, Content, Source


def detailed(engine: Engine, source: Source, form: str, channels: Sequence[str], prefix: str = "") -> Source:
    """The source with what the format tells of conda's packages, where it can be had.

    The channels (those that may be asked) are asked first: they correct what a package says of itself, and so the text is
    the same wherever it is made. What they do not tell stands in the records of the prefix at `prefix`, apart from an MD5.
    What nobody tells is left as it is: the format says what it misses.
    """
    if form not in exporting.DETAILED:
        return source
    contents = tuple(_from_channels(engine, content, form, channels) for content in source.contents)
    known = prefixes.records(Path(prefix)) if prefix else {}
    return replace(source, contents=tuple(_from_prefix(content, known) for content in contents))


def _from_prefix(content: Content, known: Mapping[str, Mapping[str, Any]]) -> Content:
    def told(each: Conda) -> Conda:
        record = known.get(each.name, {})
        same = record.get("fn") == each.filename and record.get("sha256", each.sha256) == each.sha256
        return with_record(each, record) if same and each.depends is None else each

    return replace(content, conda=tuple(told(each) for each in content.conda))


def with_record(each: Conda, record: Mapping[str, Any]) -> Conda:
    """A package with what its record tells: one of `conda-meta`, or of a channel.

    >>> plain = Conda(name="a", version="1", build="0", base="", subdir="noarch")
    >>> made = with_record(plain, {"depends": ["b >=2"], "noarch": 7})
    >>> made.depends, made.noarch
    (('b >=2',), '')
    """
    depends = record.get("depends")
    return replace(
        each, md5=_text(record, "md5") or each.md5, license=_text(record, "license"), noarch=_text(record, "noarch"),
        depends=tuple(map(str, depends)) if isinstance(depends, list) else each.depends,
        constrains=tuple(map(str, found)) if isinstance(found := record.get("constrains"), list) else (),
        timestamp=_number(record, "timestamp"), size=_number(record, "size") or each.size,
    )  # fmt: skip


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _number(record: Mapping[str, Any], key: str) -> int:
    value = record.get(key)
    return value if isinstance(value, int) else 0


def _from_channels(engine: Engine, content: Content, form: str, channels: Sequence[str]) -> Content:
    """The content with what the channels tell of the packages that lack what the format needs."""
    lacking = [
        each for each in content.conda if each.depends is None or (form == "conda-lock" and not each.md5)
    ]
    if not lacking or not channels:
        return content
    run = engine.run("export")
    run.tell(f"asking the channels about {len(lacking)} packages")
    request = {
        "do": "records", "channels": list(channels), "cache": engine.policy.cache, "offline": engine.policy.offline,
        "subdir": content.subdir,
        "artefacts": [{"name": each.name, "file": each.filename, "sha256": each.sha256} for each in lacking],
    }  # fmt: skip
    try:
        answers = cast("list[dict[str, Any] | None]", run.worker(locking.WORKER, request))
    except CancelledError:
        raise
    except IsoError as error:
        run.tell(f"the channels do not answer: {error.because}")
        return content
    told = {
        each.name: with_record(each, answer) for each, answer in zip(lacking, answers, strict=True) if answer
    }
    return replace(content, conda=tuple(told.get(each.name, each) for each in content.conda))
