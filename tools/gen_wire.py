"""The types of the wire as TypeScript, from the Python types: one source, so that page and server cannot drift apart."""

from __future__ import annotations

import inspect
import json
from importlib import resources

import msgspec
import yaml

from kernel_iso import model
from kernel_iso.engine.verbs import TABLE
from kernel_iso.errors import IsoError
from kernel_iso.server import announcing

RECORDS: tuple[type[model.Record], ...] = (
    model.Event, model.Reason, model.Origin, model.Index, model.Spec, model.Python, model.Accelerator, model.Tool,
    model.Machine, model.Plan, model.Package, model.Part, model.Lock, model.Prefix,
)  # fmt: skip

SCALARS: dict[type[msgspec.inspect.Type], str] = {
    msgspec.inspect.StrType: "string",
    msgspec.inspect.BoolType: "boolean",
    msgspec.inspect.IntType: "number",
    msgspec.inspect.FloatType: "number",
    msgspec.inspect.NoneType: "null",
}

HEAD = """\
/**
 * What travels between the page and the server. Written by tools/gen.py from the Python types: change those.
 *
 * A field that may be left out has the value that its comment names, or nothing of its kind.
 */
"""


def wire() -> str:
    """The text of labextension/src/wire.ts."""
    parts = [HEAD, f"export const SCHEMA_ID = '{announcing.SCHEMA_ID}';\n"]
    parts += [interface(kind) for kind in RECORDS]
    parts += [_bus_event(), _error(), _verbs()]
    return "\n".join(parts)


def interface(kind: type[model.Record]) -> str:
    """A record as an interface; fields with a default are optional, because the wire leaves defaults out."""
    return _interface(
        kind.__name__,
        _first_sentence(kind),
        [
            (field.encode_name, typescript(field.type), field.required, _default(field))
            for field in _info(kind).fields
        ],
    )


def typescript(kind: msgspec.inspect.Type) -> str:
    """A type of msgspec in TypeScript.

    >>> typescript(msgspec.inspect.type_info(tuple[str, ...])), typescript(msgspec.inspect.type_info(int | None))
    ('string[]', 'number | null')
    """
    if type(kind) in SCALARS:
        return SCALARS[type(kind)]
    match kind:
        case msgspec.inspect.StructType():
            return kind.cls.__name__
        case msgspec.inspect.VarTupleType():
            return f"{typescript(kind.item_type)}[]"
        case msgspec.inspect.TupleType():
            return f"[{', '.join(typescript(item) for item in kind.item_types)}]"
        case msgspec.inspect.UnionType():
            return " | ".join(typescript(item) for item in kind.types)
        case msgspec.inspect.DictType() if kind == _ERROR:
            return "IsoErrorJson"
    raise SystemExit(f"tools/gen_wire.py knows no TypeScript for {kind}")


# The only free-form object on the wire is `Event.error`: an error's JSON.
_ERROR = msgspec.inspect.type_info(dict[str, object])


def _info(kind: type[model.Record]) -> msgspec.inspect.StructType:
    found = msgspec.inspect.type_info(kind)
    assert isinstance(found, msgspec.inspect.StructType)
    return found


def _first_sentence(kind: type) -> str:
    text = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
    return text.split(". ")[0].removesuffix(".").removesuffix(":")


def _default(field: msgspec.inspect.Field) -> str:
    """What a field that is left out means, "" where that is nothing of its kind."""
    value = field.default
    return json.dumps(value) if isinstance(value, str | int) and value else ""


def _interface(name: str, text: str, fields: list[tuple[str, str, bool, str]], base: str = "") -> str:
    lines = [f"/** {text}. */", f"export interface {name}{base} {{"]
    for key, kind, required, default in fields:
        lines += [f"  /** Left out: {default}. */"] if default else []
        lines.append(f"  {key}{'' if required else '?'}: {kind};")
    return "\n".join([*lines, "}", ""])


def _bus_event() -> str:
    """What the events of the bus have beside those of an Event."""
    text = resources.files("kernel_iso.server").joinpath("events.yaml").read_text(encoding="utf-8")
    schema = yaml.safe_load(text)
    own = {field.encode_name for field in _info(model.Event).fields}
    kinds = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean"}
    fields = [
        (key, kinds[value["type"]], key in schema["required"], "")
        for key, value in schema["properties"].items()
        if key not in own
    ]
    return _interface("BusEvent", "An Event as the server's event bus carries it", fields, " extends Event")


def _error() -> str:
    sample = IsoError("code", "what", "because", "hint").to_json()
    fields = [
        (key, "string[]" if isinstance(value, list) else "string", True, "") for key, value in sample.items()
    ]
    return _interface("IsoErrorJson", "An error: `what`, `because` and `hint` are its three lines", fields)


def _verbs() -> str:
    names = [verb.name.replace(" ", "-") for verb in TABLE.values() if verb.access]
    rows = "\n".join(f"  | '{name}'" for name in names)
    return f"/** The verbs that a page can reach. */\nexport type VerbName =\n{rows};\n"
