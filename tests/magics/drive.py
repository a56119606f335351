"""Use the guest as a kernel does, in any Python from 3.9, and print what came of it: `python drive.py PREFIX LINE…`."""

import contextlib
import io
import json
import os
import sys
import types
from pathlib import Path


class Shell:
    """What the guest uses of IPython's."""

    def __init__(self):
        self.user_ns = {}


def installed(shell, shows):
    """An IPython that notes what is displayed."""
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython, ipython.display = lambda: shell, display
    display.display = lambda bundle, raw, display_id=None: shows.append(bundle)
    display.update_display = lambda bundle, raw, display_id: shows.append(bundle)
    sys.modules.update({"IPython": ipython, "IPython.display": display})


def main(prefix, *lines):
    shell, shows = Shell(), []
    installed(shell, shows)
    if os.environ.get("PACKAGES"):  # be a Python of that prefix
        sys.prefix = sys.exec_prefix = prefix
        sys.path.append(os.environ["PACKAGES"])
    folder = prefix + "/.kernel-iso"
    boot = {"__name__": "boot"}
    exec(compile(Path(folder, "boot.py").read_text(encoding="utf-8"), "boot.py", "exec"), boot)
    magics = boot["read"](folder + "/magics.py", folder=folder, hold=boot["hold"], read=boot["read"])
    magics.PATIENCE = (3.0, 0.5, 5.0)
    told = []
    for line in lines:
        del shows[:]
        printed, error = io.StringIO(), None
        with contextlib.redirect_stdout(printed):
            try:
                if line.startswith("TAB "):
                    text = line[4:]
                    told.append(magics.complete(types.SimpleNamespace(line=text, text_until_cursor=text)))
                    continue
                magics.magic(line)
            except magics.IsoError as raised:
                error = {"text": str(raised), "lines": raised._render_traceback_()}
        told.append(
            {
                "shown": list(shows),
                "printed": printed.getvalue(),
                "error": error,
                "names": dict(shell.user_ns),
            }
        )
    state = {
        "path": sys.path,
        "prefix": sys.prefix,
        "executable": sys.executable,
        "PATH": os.environ.get("PATH"),
    }
    ours = [
        name for name, module in sys.modules.items() if ".kernel-iso" in str(getattr(module, "__file__", ""))
    ]
    print(json.dumps({"told": told, "state": state, "importable": ours}))


main(*sys.argv[1:])
