"""Write what is generated, and check that nothing generated or counted has gone stale.

python tools/gen.py            write the table of verbs into README.md, the wire's types and the version into labextension/
python tools/gen.py --check    change nothing; say what is stale, and end with 1 where something is
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+|cancelled")
HEADING = re.compile(r"^## `([a-z0-9-]+)`$", re.MULTILINE)
BEGIN, END = "<!-- verbs: begin (tools/gen.py) -->", "<!-- verbs: end -->"


def main(arguments: list[str]) -> int:
    """Write or check; return the exit status."""
    problems = error_problems(ROOT)
    for name, make in GENERATED.items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        fresh = make(text)
        if fresh != text and "--check" in arguments:
            problems.append(f"{name} is stale; python tools/gen.py writes it")
        elif fresh != text:
            path.write_text(fresh, encoding="utf-8")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def with_verbs(text: str) -> str:
    """The README with the present table of verbs between its markers."""
    from kernel_iso.engine.verbs import TABLE

    rows = ["| verb | does |", "|---|---|"]
    for verb in TABLE.values():
        also = f" (also `{'`, `'.join(verb.aliases)}`)" if verb.aliases else ""
        rows.append(f"| `{verb.name}`{also} | {verb.help} |")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"README.md: the markers {BEGIN} and {END} are missing")
    return "\n".join([before + BEGIN, *rows, END + after])


def with_version(text: str) -> str:
    """A package.json, or its lock, with the version of `kernel_iso/__init__.py`."""
    from kernel_iso import __version__

    document = json.loads(text)
    for place in (document, document.get("packages", {}).get("", {})):
        if "version" in place:
            place["version"] = __version__
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def with_types(text: str) -> str:
    """The types of the wire; what was there before counts for nothing."""
    import gen_wire

    return gen_wire.wire()


GENERATED = {
    "README.md": with_verbs,
    "labextension/package.json": with_version,
    "labextension/package-lock.json": with_version,
    "labextension/src/wire.ts": with_types,
}
"""What is written, and what makes it from the text that is there."""


def error_problems(root: Path) -> list[str]:
    """What is wrong between the codes that are raised and the headings of docs/errors.md."""
    raised = dict(codes(root / "kernel_iso"))
    page = root / "docs" / "errors.md"
    headings = HEADING.findall(page.read_text(encoding="utf-8") if page.exists() else "")
    literals = set(strings(root / "kernel_iso"))
    problems = [
        f"{where}: `{code}` has no heading in docs/errors.md"
        for code, where in raised.items()
        if code not in headings
    ]
    problems += [f"docs/errors.md: nothing raises `{code}`" for code in headings if code not in literals]
    problems += [
        f"docs/errors.md: `{code}` comes twice" for code in {c for c in headings if headings.count(c) > 1}
    ]
    return sorted(problems)


def codes(folder: Path) -> Iterator[tuple[str, str]]:
    """Every error code that is raised, with where.

    Raise sites are calls of an error class (a name that ends with `Error`), and of our functions that take a
    `code`.
    """
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))}
    takers = dict(taker for tree in trees.values() for taker in _takers(tree))
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (argument := _code(node, takers)) is not None:
                yield argument, f"{path.relative_to(folder.parent)}:{node.lineno}"


def _takers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Functions with a parameter `code`, and its position."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [
                argument.arg
                for argument in (*node.args.posonlyargs, *node.args.args)
                if argument.arg != "self"
            ]
            if "code" in names and node.name != "__init__":
                yield node.name, names.index("code")


def _code(call: ast.Call, takers: Mapping[str, int]) -> str | None:
    """The code that a call gives, if it is a raise site."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    position = 0 if name.endswith("Error") else takers.get(name, -1)
    if position < 0:
        return None
    given = [item.value for item in call.keywords if item.arg == "code"] + call.args[position : position + 1]
    for argument in given:
        text = argument.value if isinstance(argument, ast.Constant) else None
        if isinstance(text, str) and CODE.fullmatch(text):
            return text
    return None


def strings(folder: Path) -> Iterator[str]:
    """Every string literal."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
