"""What the extension does to a server, part by part, and the messages it answers in a kernel's place."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_client.session import Session
from jupyter_events import EventLogger
from jupyter_server.gateway.connections import GatewayWebSocketConnection
from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_binary_message,
    serialize_msg_to_ws_v1,
)
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from traitlets.config import Config, Configurable

from kernel_iso.errors import NotApprovedError
from kernel_iso.model import Event
from kernel_iso.server import _load_jupyter_server_extension, announcing, answers, saving
from kernel_iso.server.holding import Holding

ERROR = NotApprovedError("not-approved", "has not prepared this", "it is foreign", "kernel-iso trust NB")


class App(Configurable):
    """A server as far as the extension touches it."""

    def __init__(self, connection: type = ZMQChannelsWebsocketConnection, **config: Any) -> None:
        super().__init__(config=Config({"KernelIso": config}))
        self.log = logging.getLogger("app")
        self.routes: list[tuple[Any, ...]] = []
        self.web_app = SimpleNamespace(
            settings={"kernel_websocket_connection_class": connection},
            add_handlers=lambda host, routes: self.routes.extend(routes),
        )
        self.base_url = "/"
        self.kernel_manager = SimpleNamespace()
        self.contents_manager = SimpleNamespace()
        self.event_logger = EventLogger()


def test_the_websocket_class_is_replaced_and_the_kernel_manager_told() -> None:
    """The class in use is subclassed, whatever it is; the administrator's settings come along as a layer."""
    own = type("Own", (ZMQChannelsWebsocketConnection,), {})
    app = App(own, policy={"unknown": "bare"}, audit_log="/var/log/iso")
    _load_jupyter_server_extension(app)
    made = app.web_app.settings["kernel_websocket_connection_class"]
    assert (made.__name__, made.__mro__[1:3]) == ("HoldingOwn", (Holding, own))
    host = app.kernel_manager.kernel_iso
    assert (host.holds, host.layer) == (True, {"unknown": "bare", "audit_log": "/var/log/iso"})


def test_a_gateways_websocket_is_left_alone() -> None:
    """Kernels that run behind a gateway are not ours to hold: starts wait there."""
    app = App(GatewayWebSocketConnection)
    _load_jupyter_server_extension(app)
    assert app.web_app.settings["kernel_websocket_connection_class"] is GatewayWebSocketConnection
    assert (app.kernel_manager.kernel_iso.holds, app.kernel_manager.kernel_iso.layer) == (False, {})


def test_a_part_that_fails_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """A server without an event bus still holds; the log says what is missing."""
    app = App()
    app.event_logger = None
    _load_jupyter_server_extension(app)
    assert app.kernel_manager.kernel_iso.holds is True
    assert [record.getMessage() for record in caplog.records] == [
        "kernel-iso: Events of preparations cannot be announced"
    ]


def test_events_follow_the_schema() -> None:
    """Every field of an Event is in the schema; loading it twice changes nothing."""
    logger = EventLogger()
    announcing.register(logger)
    announcing.register(logger)
    heard: list[dict[str, Any]] = []
    logger.register_handler(handler := logging.Handler())
    handler.emit = lambda record: heard.append(json.loads(handler.format(record)))
    full = Event(
        phase="realise", key="k", at=1.5, text="t", done=1, total=2, unit="packages", error=ERROR.to_json()
    )
    announcing.emit(logger, full, kernel_id="id", notebook="/nb.ipynb", path="nb.ipynb", job="k")
    announcing.emit(logger, Event(phase="lock"))
    ours = [{key: value for key, value in item.items() if not key.startswith("__")} for item in heard]
    assert ours == [
        {**full.to_json(), "kernel_id": "id", "notebook": "/nb.ipynb", "path": "nb.ipynb", "job": "k"},
        {"phase": "lock", "kernel_id": "", "notebook": ""},
    ]


def asked(kind: str, content: dict[str, Any], way: str) -> tuple[str | bytes, str | None, Session]:
    """A message as the websocket gets it, in one of the three ways it can come."""
    session = Session()
    message = session.msg(kind, content)
    if way == "v1":
        return serialize_msg_to_ws_v1(message, "shell", session.pack), answers.V1, session
    if way == "binary":
        return serialize_binary_message({**message, "channel": "shell", "buffers": [b"x"]}), None, session
    return json.dumps({**message, "channel": "shell"}, default=str), None, session


@pytest.mark.parametrize("way", ["v1", "json", "binary"])
def test_a_message_is_read_in_every_form(way: str) -> None:
    """Channel, header and content, whichever protocol the client speaks."""
    raw, subprotocol, session = asked("execute_request", {"code": "1"}, way)
    read = answers.read(raw, subprotocol, session)
    assert (read.channel, read.kind, read.content) == ("shell", "execute_request", {"code": "1"})


def course(kind: str, **content: Any) -> list[tuple[str, str, str]]:
    """The answer to a message: channel, type, and what it says."""
    raw, subprotocol, session = asked(kind, content, "v1")
    told = []
    for channel, message in answers.refusal(answers.read(raw, subprotocol, session), ERROR, session):
        body = message["content"]
        told.append((channel, message["msg_type"], body.get("execution_state") or body.get("ename")))
        assert message["parent_header"]["msg_type"] == kind
    return told


def test_a_cell_gets_the_whole_course_of_a_failed_execution() -> None:
    """Busy, the error, the reply, idle; without the error where the client wants silence; a reply for the rest."""
    whole = [
        ("iopub", "status", "busy"),
        ("iopub", "error", "NotApprovedError"),
        ("shell", "execute_reply", "NotApprovedError"),
        ("iopub", "status", "idle"),
    ]
    assert course("execute_request", code="1") == whole
    assert course("execute_request", code="1", silent=True) == [whole[0], *whole[2:]]
    assert course("inspect_request", code="1") == [("shell", "inspect_reply", "NotApprovedError")]


def test_the_error_in_a_cell_is_the_three_lines() -> None:
    """The traceback is what every other face prints, the first line in red."""
    assert answers.error_content(ERROR) == {
        "ename": "NotApprovedError",
        "evalue": "kernel-iso has not prepared this  [not-approved]",
        "traceback": [
            "\x1b[31mkernel-iso has not prepared this  [not-approved]\x1b[0m",
            "because: it is foreign",
            "hint:    kernel-iso trust NB",
        ],
    }


def test_a_message_is_written_as_the_client_speaks() -> None:
    """Binary parts for JupyterLab, JSON with the channel for older clients."""
    session = Session()
    message = session.msg("status", {"execution_state": "busy"})
    data, binary = answers.write(message, "iopub", answers.V1, session)
    channel, parts = deserialize_msg_from_ws_v1(data)
    assert (channel, session.unpack(parts[3]), binary) == ("iopub", {"execution_state": "busy"}, True)
    data, binary = answers.write(message, "iopub", None, session)
    assert (json.loads(data)["channel"], binary) == ("iopub", False)


@pytest.mark.parametrize(
    ("content", "ours"),
    [
        ({"metadata": {"kernelspec": {"name": "iso"}}}, True),
        ({"metadata": {"kernelspec": {"name": "python3"}, "kernel_iso": {}}}, True),
        ({"metadata": {"kernelspec": {"name": "python3"}}}, False),
        ({"metadata": {"kernelspec": None}}, False),
        ({"metadata": []}, False),
        (None, False),
    ],
)
def test_notebooks_of_ours(content: object, ours: bool) -> None:
    """On Isolated Python, or with metadata of ours; anything malformed is not ours to touch."""
    assert saving.is_ours(content) is ours
