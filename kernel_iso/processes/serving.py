"""The worker's side of `Tools.worker`."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from kernel_iso.errors import IsoError

Tell = Callable[..., None]


def serve(handler: Callable[[Any, Tell], object]) -> None:
    """Read the request from stdin, call `handler(request, tell)`, print its answer as ndjson.

    `tell` takes what `Run.tell` takes. What a library prints goes to stderr, so that it cannot spoil the
    answer. An `IsoError` travels; any other exception ends the worker with its traceback on stderr.
    """
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(message: dict[str, object]) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    def tell(text: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
        say({"tell": [text, done, total, unit]})

    try:
        say({"result": handler(json.loads(sys.stdin.read()), tell)})
    except IsoError as error:
        say({"error": error.to_json()})
        sys.exit(error.exit_status)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
