"""`requirements.txt`: exact with hashes, or only what was asked. Pure."""

from __future__ import annotations

from kernel_iso.exporting import leaving, pylocks
from kernel_iso.exporting.sources import Content, Exported, Pin, Source, part_name

FORM = "requirements.txt"


def hashed(source: Source) -> Exported:
    """A file for each part, every package with its hashes; raises `ImpossibleError` (`format-cannot-hold`)."""
    pylocks.without_conda(source, FORM)
    files, notes = {}, []
    for place, content in enumerate(source.contents):
        text, said = _text(content, source)
        files[part_name("requirements", ".txt", source.contents, place)] = text
        notes += said
    told = ("constraints", "hashes", "exclude_newer", "pins", "accelerator")
    return Exported(files=files, notes=(*notes, *leaving.untold(source, told)))


def _text(content: Content, source: Source) -> tuple[str, list[str]]:
    lines, notes = leaving.index_lines(content.pypi, source)
    build = f", {content.accelerator}" if content.accelerator else ""
    head = [
        f"# Exact versions for Python {source.python} on {content.platform}{build}:",
        "#   python -m pip install --require-hashes -r requirements.txt",
    ]
    return "\n".join([*head, *lines, *(_pinned(pin, source) for pin in content.pypi)]) + "\n", notes


def _pinned(pin: Pin, source: Source) -> str:
    sums = sorted({each.sha256 for each in pylocks.known(pin, source, FORM)})
    return " \\\n    ".join([f"{pin.name}=={pin.version}", *(f"--hash=sha256:{each}" for each in sums)])


def minimal(source: Source) -> Exported:
    """What was asked, not what followed; raises `ImpossibleError` (`format-cannot-hold`, `local-address`)."""
    spec = source.spec
    if spec.conda:
        because = (
            f"{leaving.listed(spec.conda)} are asked from conda, and the format holds PyPI's packages only"
        )
        leaving.cannot_hold(FORM, source, because, "take environment.yml --from-history")
    asked, notes = leaving.asked(spec.requirements, source, FORM)
    bound = [Pin(name=name, version="", index=_url(index, source)) for name, index in spec.pins]
    lines, said = leaving.index_lines(bound, source)
    head = [f"# for Python {spec.python or source.python}"] if spec.python or source.python else []
    text = "\n".join([*head, *lines, *asked])
    told = ("pins",) if lines else ()
    return Exported(
        files={FORM: text + "\n" if text else ""}, notes=(*notes, *said, *leaving.untold(source, told))
    )


def _url(index: str, source: Source) -> str:
    return next((each.url for each in (*source.spec.indexes, *source.indexes) if each.name == index), "")
