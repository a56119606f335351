"""Run a cell's Python in another environment: `python cell.py SOURCE [OUT]`.

The value of a last expression is written as JSON to OUT where one is named. Any CPython from 3.9, standard library only.
"""

import ast
import json
import sys
import traceback


def main(source, out=""):
    with open(source, encoding="utf-8") as stream:
        text = stream.read()
    # As `python SCRIPT` in a notebook's folder: that folder comes first, and this file's is no place of modules.
    sys.path[0], sys.argv[:] = "", ["cell"]
    names = {"__name__": "__main__"}
    try:
        tree = ast.parse(text, "cell")
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) and out else None
        exec(compile(tree, "cell", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
            write(out, value)
    except Exception:
        kind, error, found = sys.exc_info()
        while found and found.tb_frame.f_code.co_filename == __file__:
            found = found.tb_next  # our own frames say nothing
        traceback.print_exception(kind, error, found)
        sys.exit(1)


def write(out, value):
    """Write a value, or say what it is where it is no JSON."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError) as error:
        sys.exit("the value of the last line cannot be brought back: %s" % error)
    with open(out, "w", encoding="utf-8") as stream:
        stream.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
