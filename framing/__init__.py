"""Files to packets and back: compression, encryption, fountain code, spool.

outgoing = framing.Outgoing(stream, name="photo.png", key=framing.Passphrase("..."),
                            packet_bytes=350, size=65536)
inbox = framing.Inbox(folder, passphrase=b"...")
for packet in outgoing:
    result = inbox.put(packet)      # None | Received | Refused
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framing.events import Progress, Received, Refused
    from framing.inbox import Inbox
    from framing.keys import ClearKey, KeyChoice, Passphrase, Plain
    from framing.transfer import Outgoing, Plan

_HOMES = {
    "ClearKey": "keys",
    "Inbox": "inbox",
    "KeyChoice": "keys",
    "Outgoing": "transfer",
    "Passphrase": "keys",
    "Plain": "keys",
    "Plan": "transfer",
    "Progress": "events",
    "Received": "events",
    "Refused": "events",
    "errors": "",
}

__all__ = [
    "ClearKey",
    "Inbox",
    "KeyChoice",
    "Outgoing",
    "Passphrase",
    "Plain",
    "Plan",
    "Progress",
    "Received",
    "Refused",
]


def __getattr__(name: str) -> object:
    """Import on first use: the numba kernels and the ciphers cost half a second."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    if not home:
        return importlib.import_module(f"{__name__}.{name}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
