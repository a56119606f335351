"""Messages between a browser and a kernel that is not there: read what was asked, answer it with an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jupyter_client.jsonutil import json_default
from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)

V1 = "v1.kernel.websocket.jupyter.org"
"""The subprotocol that JupyterLab speaks; without it a message is JSON, or binary where it has buffers."""

# Questions to a kernel that starts later are still good; what a person typed meanwhile is not.
_LASTING = {"kernel_info_request", "comm_info_request", "debug_request"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a held message asks."""

    channel: str
    header: dict[str, Any]
    content: dict[str, Any]

    @property
    def kind(self) -> str:
        """The message's type."""
        return str(self.header.get("msg_type", ""))

    @property
    def lasts(self) -> bool:
        """True where it stays to be asked of the kernel that comes."""
        return self.kind in _LASTING

    @property
    def wants_reply(self) -> bool:
        """True where the client waits for a reply."""
        return self.kind.endswith("_request")


def read(raw: str | bytes, subprotocol: str | None, session: Any) -> Asked:
    """What a message as the websocket got it asks.

    >>> read('{"channel": "shell", "header": {"msg_type": "execute_request"}, "content": {}}', None, None).kind
    'execute_request'
    """
    if subprotocol == V1:
        channel, parts = deserialize_msg_from_ws_v1(raw)
        return Asked(channel, session.unpack(parts[0]), session.unpack(parts[3]))
    message = deserialize_binary_message(raw) if isinstance(raw, bytes) else json.loads(raw)
    return Asked(message.get("channel") or "shell", message["header"], message.get("content") or {})


def write(
    message: dict[str, Any], channel: str, subprotocol: str | None, session: Any
) -> tuple[str | bytes, bool]:
    """A message as the websocket sends it, and whether that is binary."""
    if subprotocol == V1:
        return serialize_msg_to_ws_v1(message, channel, session.pack), True
    return json.dumps({**message, "channel": channel}, default=json_default), False


def error_content(error: Any) -> dict[str, Any]:
    """An `IsoError` as a kernel reports an exception: the three lines are the traceback, the first one in red."""
    first, *rest = str(error).splitlines()
    return {
        "ename": type(error).__name__,
        "evalue": first,
        "traceback": [f"\x1b[31m{first}\x1b[0m", *rest],
    }


def refusal(asked: Asked, error: Any, session: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The messages, with their channels, of a kernel on which this fails at once.

    A cell gets the whole course (busy, error, reply, idle), so that every client shows the error where the
    person looks and no client waits; any other request gets a reply with status `error`.
    """
    parent = {"header": asked.header}
    content = error_content(error)
    is_cell = asked.kind == "execute_request"
    if is_cell:
        yield "iopub", session.msg("status", {"execution_state": "busy"}, parent=parent)
        if not asked.content.get("silent"):
            yield "iopub", session.msg("error", content, parent=parent)
    reply = {"status": "error", **content} | ({"execution_count": 0} if is_cell else {})
    yield asked.channel, session.msg(asked.kind.removesuffix("_request") + "_reply", reply, parent=parent)
    if is_cell:
        yield "iopub", session.msg("status", {"execution_state": "idle"}, parent=parent)
