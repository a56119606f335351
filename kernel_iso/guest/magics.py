"""`%iso` and `%%iso` in a kernel: hand the line to the engine's command line, and do in this kernel what it answers.

Any CPython from 3.9, standard library and IPython only. `boot.py` reads it with the names `folder` (its own), `hold`
and `read`. It knows no verb. The whole protocol (docs/magics.md): one request as JSON on the engine's stdin, ndjson back,
any number of `{"event": …}`, then one `{"result": …}` or `{"error": …}`. Unknown keys are passed over on both sides.
"""

import collections
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

PATIENCE = (10.0, 4.0, 2.0)
"""Seconds after an interrupt, after a second one, and after the kill, in which the engine may end."""

FRESH = 60.0
"""Seconds for which what can be completed is remembered."""

TAB_PATIENCE = 5.0
"""Seconds that a press of TAB may take."""

home = os.path.dirname(folder)  # noqa: F821 - boot gives it
state = {"prefix": home, "former": [home], "table": None, "asked": 0.0}
"""The prefix that this kernel's packages are taken from at present, all that they came from since it started, and what the
engine said can be completed."""


class IsoError(Exception):
    """What the engine could not do. A cell shows it as three coloured lines, and no Python traceback."""

    def __init__(self, error):
        super().__init__("kernel-iso %s  [%s]" % (error.get("what", "failed"), error.get("code", "unknown")))
        self.error = error

    def _render_traceback_(self):
        return lines_of(self.error)


def lines_of(error):
    """The three lines of an error, the last words of a tool, and the log, coloured as a traceback is."""
    red, plain, faint = "\x1b[1;31m", "\x1b[0m", "\x1b[2m"
    lines = [
        "%skernel-iso %s  [%s]%s" % (red, error.get("what", "failed"), error.get("code", "unknown"), plain),
        "because: %s" % error.get("because", ""),
        "hint:    %s" % error.get("hint", ""),
    ]
    lines += ["%s    %s%s" % (faint, line, plain) for line in error.get("tail") or ()]
    return lines + (["log:     %s" % error["log"]] if error.get("log") else [])


def magic(line, cell=None):
    """Do what a person typed; raises `IsoError`, and nothing else that the engine does."""
    state["table"] = None
    widgets = read(os.path.join(folder, "widgets.py"))  # noqa: F821
    progress = widgets.Progress()
    request = {"do": "line" if cell is None else "cell", "line": line, "cell": cell, "modules": modules()}
    try:
        answer = ask(request, lambda event: hear(event, progress), progress.tick)
    finally:
        progress.close()
    if "error" in answer:
        raise IsoError(answer["error"])
    obey(answer.get("result") or {}, widgets)


def obey(result, widgets):
    """Do what the answer asks of this kernel; what it shows is true only afterwards."""
    if result.get("switch"):
        switch(result["switch"])
    names = shell().user_ns
    if "status" in result:
        names["_exit_code"] = result["status"]  # as after `!command`
    if result.get("bind"):
        names[result["bind"]] = result.get("value")
    for bundle in result.get("show") or ():
        show(bundle)
    if result.get("panel") and not widgets.panel(result["panel"], magic):
        raise IsoError(result["panel"]["error"])
    if result.get("failed"):
        raise IsoError(result["failed"])
    widgets.offers(result.get("offers") or (), magic)


def hear(event, progress):
    """Show one event: output of a program, something to look at before the end, or progress."""
    unit, text = event.get("unit"), event.get("text") or ""
    if unit == "stdout":
        progress.close()
        sys.stdout.write(text)
    elif unit == "stderr":
        progress.close()
        sys.stderr.write(text)
    elif unit == "show":
        progress.close()
        show(json.loads(text))
    elif unit != "log":
        progress.hear(text, event.get("done"), event.get("total"))


def shell():
    """This kernel's shell."""
    from IPython import get_ipython

    return get_ipython()


def show(bundle):
    """Show texts by their MIME types; a client takes the richest one that it can."""
    from IPython.display import display

    display(bundle, raw=True)


def modules():
    """The files that modules were loaded from, relative to the prefix they were in, by the modules' names.

    Libraries that are loaded count as well, by their files' names.
    """
    starts, found = [prefix + os.sep for prefix in state["former"]], {}
    for name, module in list(sys.modules.items()):
        try:
            file = vars(module).get("__file__")
        except TypeError:
            continue  # somebody put another thing there
        for start in starts:
            if isinstance(file, str) and file.startswith(start):
                found[name] = file[len(start) :]
    known = set(found.values())
    for file in libraries():
        for start in starts:
            if file.startswith(start) and file[len(start) :] not in known:
                found[os.path.basename(file)] = file[len(start) :]
    return found


def libraries():
    """The libraries that this process has loaded, as far as its system tells (Linux, proc(5))."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
            return sorted({line.split(None, 5)[5].rstrip("\n") for line in lines if ".so" in line})
    except (OSError, IndexError):
        return []


# ---- the engine


def ask(request, hear, tick, patience=None):
    """What the engine answers: an object with `result` or `error`. An interrupt ends it with all that it started.

    It can neither wait for input nor outlive the cell. `patience` are seconds after which it is stopped.
    """
    try:
        process = started()
    except (OSError, ValueError, KeyError) as error:
        return {"error": unreachable(request.get("line", ""), str(error), ())}
    # Not `Queue`: an interrupt may come between its lock and its `try`, and whoever asks it next would wait for ever.
    lines, words = queue.SimpleQueue(), collections.deque(maxlen=20)
    text = json.dumps(dict(request, protocol=1, prefix=state["prefix"])) + "\n"
    end = time.monotonic() + patience if patience else None
    try:
        for work in (
            lambda: send(process, text),
            lambda: receive(process.stdout, lines.put),
            lambda: receive(process.stderr, words.append),
        ):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
        answer = followed(process, lines, hear, tick, end)
    except BaseException as raised:
        answer = stop(process, lines)
        if not isinstance(raised, KeyboardInterrupt):
            raise
    if answer is None:
        thread.join(1)  # its last words may still be on their way
        tail = [word.rstrip("\n") for word in words if word]
        because = "the engine ended with status %s and no answer" % process.poll()
        answer = {"error": unreachable(request.get("line", ""), because, tail)}
    return answer


def started():
    """The engine's process: a group of its own, which the interrupt of this kernel does not reach by itself."""
    with open(os.path.join(state["prefix"], ".kernel-iso", "launch.json"), encoding="utf-8") as stream:
        command = json.load(stream)["cli"]
    group = {"creationflags": 0x200} if os.name == "nt" else {"start_new_session": True}
    return subprocess.Popen(
        [*command, "cell", "--json"], env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, encoding="utf-8", errors="replace", **group
    )  # fmt: skip


def environment():
    """The environment for the engine: without what makes this kernel's Python, and its plots, what they are."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name != "VIRTUAL_ENV"
    }
    if kept.get("MPLBACKEND", "").startswith("module://"):
        del kept["MPLBACKEND"]
    entries = kept.get("PATH", "").split(os.pathsep)
    inside = tuple(prefix + os.sep for prefix in state["former"])
    kept["PATH"] = os.pathsep.join(entry for entry in entries if not (entry + os.sep).startswith(inside))
    return kept


def send(process, text):
    """Write the request and close the engine's input; one that does not read says why in its answer."""
    try:
        with process.stdin:
            process.stdin.write(text)
    except (OSError, ValueError):
        pass


def receive(stream, put):
    """Hand on each line, then None."""
    try:
        with stream:
            for line in stream:
                put(line)
    except (OSError, ValueError):
        pass
    put(None)


def followed(process, lines, hear, tick, end):
    """Hear events until the engine has answered; its answer, None where it ended without one."""
    answer, ended = None, None
    while True:
        tick()
        try:
            line = lines.get(timeout=0.1)
        except queue.Empty:
            # Something that it started may keep the pipe open after its end; it does not keep this cell.
            if process.poll() is not None:
                ended = ended or time.monotonic()
            if (ended and time.monotonic() - ended > 1) or (end and time.monotonic() > end):
                if process.poll() is None:
                    stop(process, lines)
                return answer
            continue
        if line is None:
            process.wait()
            return answer
        message = decoded(line)
        if message is None:
            sys.stdout.write(line)
        elif "event" in message:
            hear(message["event"])
        else:
            answer = message


def decoded(line):
    """The object in a line; None where it is plain text."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def stop(process, lines):
    """End the engine: ask, ask hard, kill. Its answer where it still gave one."""
    for number, seconds in enumerate(PATIENCE):
        strike(process, number)
        try:
            process.wait(seconds)
            break
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue  # pressed again: the next means
    answer = {
        "error": {
            "code": "cancelled", "what": "stopped", "because": "it was interrupted before it was done",
            "hint": "nothing half-made is used; run the cell again when you want to",
        }
    }  # fmt: skip
    try:
        # What it said last may still be on its way here; what it started may keep the pipe open, and is not waited for.
        for line in iter(lambda: lines.get(timeout=1), None):
            message = decoded(line)
            if message and "error" in message:
                answer = message
    except (queue.Empty, KeyboardInterrupt):
        pass
    return answer


def strike(process, number):
    """Send the group an interrupt (0, 1) or the end (2)."""
    try:
        if os.name == "nt":
            process.kill() if number else process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            os.killpg(process.pid, signal.SIGKILL if number == 2 else signal.SIGINT)
    except OSError:
        pass  # it has ended


def unreachable(line, because, tail):
    """The error where no engine answers: what to type instead."""
    typed = "kernel-iso " + (line.strip() or "status")
    try:
        with open(os.path.join(state["prefix"], ".kernel-iso", "launch.json"), encoding="utf-8") as stream:
            about = json.load(stream)
    except (OSError, ValueError):
        about = {}
    if about.get("environment"):
        typed += " -n %s" % about["environment"]
    elif about.get("notebook"):
        typed = "KERNEL_ISO_NOTEBOOK='%s' %s" % (about["notebook"], typed)
    return {
        "code": "engine-unreachable", "what": "cannot reach its engine from this kernel", "because": because,
        "hint": "type this where kernel-iso is installed: " + typed, "tail": list(tail),
    }  # fmt: skip


# ---- another generation


def switch(to):
    """Take packages from another generation from now on; what is loaded stays, and so does the former generation."""
    old, new = state["prefix"], to["prefix"]
    if old == new:
        return
    try:
        hold(os.path.join(new, ".kernel-iso", "in-use"))  # noqa: F821
    except SystemExit:
        raise IsoError(
            {
                "code": "cancelled", "what": "cannot point this kernel at the new environment",
                "because": "it is being removed", "hint": "restart the kernel: it is made again",
            }
        ) from None  # fmt: skip

    def moved(path):
        inside = isinstance(path, str) and (path == old or path.startswith(old + os.sep))
        return new + path[len(old) :] if inside else path

    former = list(sys.path)
    sys.path[:] = [moved(entry) for entry in sys.path]
    entries = os.environ.get("PATH", "").split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(moved(entry) for entry in entries)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if name in os.environ:
            os.environ[name] = moved(os.environ[name])
    sys.prefix, sys.exec_prefix = moved(sys.prefix), moved(sys.exec_prefix)
    sys.executable = to["python"]
    state["prefix"] = new
    state["former"].append(new)
    add_links([entry for entry in former if entry != moved(entry)], moved)
    from importlib import invalidate_caches

    invalidate_caches()


def add_links(folders, moved):
    """Read the `.pth` files that only the new generation has, as the start of a Python does."""
    import site

    for old in folders:
        try:
            there = set(os.listdir(moved(old))) - set(os.listdir(old))
        except OSError:
            continue
        for name in sorted(there):
            if name.endswith(".pth"):
                site.addpackage(moved(old), name, None)


# ---- completion


def complete(event):
    """What can follow in a line, from a table that the engine gives; nothing where it does not answer soon."""
    before = event.text_until_cursor.split()[1:]
    if before and not event.text_until_cursor.endswith((" ", "\t")):
        before = before[:-1]
    table = completions(event.line.startswith("%%"))
    words, verbs = table.get("words") or {}, table.get("verbs") or {}
    for length in (2, 1):
        name = " ".join(before[:length])
        if len(before) >= length and name in verbs:
            return of_verb(verbs[name], words, before[length:])
    if not before:
        return sorted({name.split()[0] for name in verbs})
    start = " ".join(before) + " "
    return sorted(name[len(start) :] for name in verbs if name.startswith(start))


def of_verb(verb, words, before):
    """What can follow in the words of one verb: the values of an option, or its options and words."""
    values = verb.get("values") or {}
    if before and before[-1] in values:
        return words.get(values[before[-1]]) or []
    return list(verb.get("options") or ()) + list(words.get(verb.get("words")) or ())


def completions(cell):
    """The engine's table for lines or for cells, remembered for a while."""
    if state["table"] is None or time.monotonic() - state["asked"] > FRESH:
        state["asked"] = time.monotonic()
        answer = ask({"do": "complete"}, lambda event: None, lambda: None, TAB_PATIENCE)
        state["table"] = answer.get("result") or {}
    return state["table"].get("cell" if cell else "line") or {}
