"""Call one function in this interpreter, for the application that owns the environment (`IsolatedEnvironment.call`).

Run by path with `-I`, so that nothing of the application is importable here but what it names. One request as JSON on
stdin, `{"paths": […], "target": "module:function", "args": […], "kwargs": {…}}`; one answer as JSON on stdout,
`{"result": …}` or `{"error": {"type", "message", "traceback"}}`. What the function prints goes to stderr.
"""

import importlib
import json
import os
import sys
import traceback


def call(request):
    """The function's answer, or how it failed."""
    try:
        module, _, name = request["target"].partition(":")
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        answer = {"result": found(*request["args"], **request["kwargs"])}
        return json.dumps(answer)
    except (Exception, SystemExit) as error:
        lines = traceback.format_exception(type(error), error, error.__traceback__.tb_next)
        told = {
            "type": type(error).__name__,
            "message": str(error),
            "traceback": "".join(lines),
        }
        return json.dumps({"error": told})


def main():
    """Answer the one request."""
    # Not inheritable: a process that the function leaves behind does not keep the caller waiting.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.path[:0] = request["paths"]
    answer = call(request)
    sys.stdout.flush()
    channel.write(answer + "\n")
    channel.close()


if __name__ == "__main__":
    main()
