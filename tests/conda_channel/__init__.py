"""A real conda channel for tests, made here: from Pythons of this machine, wheels, and packages that are made up.

channel = conda_channel.tiny()          # a folder; kept from run to run
with conda_channel.served(channel) as house:
    house.url                           # http://127.0.0.1:PORT/TOKEN/channel
"""

from __future__ import annotations

from conda_channel.channels import copied, make_channel, packages, scientific, tampered, tiny
from conda_channel.installing import installed, solved, virtual_packages
from conda_channel.made_up import python_module
from conda_channel.packing import PLACEHOLDER, SUBDIR, File, Package
from conda_channel.pythons import NoPython
from conda_channel.serving import Fault, Request, Served, served

__all__ = [
    "PLACEHOLDER", "SUBDIR", "Fault", "File", "NoPython", "Package", "Request", "Served", "copied", "installed",
    "make_channel", "packages", "python_module", "scientific", "served", "solved", "tampered", "tiny", "virtual_packages",
]  # fmt: skip
