"""Stands for the engine's command line, as a cell calls it: does what the line of the request says. Any Python from 3.9."""

import json
import os
import signal
import subprocess
import sys
import time


def say(message):
    print(json.dumps(message), flush=True)


def shown(text):
    say({"result": {"show": [{"text/plain": text}]}})


def wait(on_interrupt):
    """Begin, have the kernel interrupted, and do as told when the interrupt comes."""
    signal.signal(signal.SIGINT, on_interrupt)
    say({"event": {"phase": "x", "text": "begun"}})
    while True:
        # Python drops an interrupt that falls into a callback of its collector; a person presses again.
        os.kill(os.getppid(), signal.SIGINT)
        for _ in range(200):
            time.sleep(0.05)


def cancelled(*_):
    say({"error": {"code": "cancelled", "what": "stopped `x`", "because": "you cancelled", "hint": "again"}})
    sys.exit(130)


def main():
    asked = json.loads(sys.stdin.read())
    line = asked.get("line", "")
    if asked["do"] == "complete":
        verbs = {
            "add": {"options": ["--dry-run"], "values": {"-n": "environments"}, "words": "packages"},
            "env list": {},
        }
        words = {"packages": ["polars"], "environments": ["vision"]}
        say(
            {
                "result": {
                    "line": {"verbs": verbs, "words": words},
                    "cell": {"verbs": {"run": {}}, "words": words},
                }
            }
        )
    elif line == "asked":
        shown(json.dumps({"argv": sys.argv[1:], "asked": asked, "environ": sorted(os.environ)}))
    elif line == "events":
        say({"event": {"unit": "stdout", "text": "out\n"}})
        say({"event": {"unit": "show", "text": json.dumps({"text/plain": "before"})}})
        say({"event": {"unit": "of next year"}, "new": 1})
        print("plain text")
        say(
            {"result": {"show": [{"text/plain": "after"}], "status": 3, "bind": "x", "value": [1], "new": {}}}
        )
    elif line == "fails":
        say(
            {
                "error": {
                    "code": "no-such-thing",
                    "what": "cannot",
                    "because": "it is not",
                    "hint": "do",
                    "tail": ["t"],
                }
            }
        )
    elif line.startswith("switch "):
        to = line.split()[1]
        say({"result": {"switch": {"prefix": to, "python": to + "/bin/python"}}})
    elif line == "dies":
        sys.exit("Segmentation fault, or so")
    elif line == "interrupted":
        wait(cancelled)
    elif line == "stubborn":
        wait(lambda *_: None)
    elif line == "leaves a child":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        shown(str(child.pid))


main()
