"""Files to packets and back: compression, encryption, fountain code, spool.

outgoing = framing.Outgoing(stream, name="photo.png", key=framing.Passphrase("..."),
                            packet_bytes=350, size=65536)
inbox = framing.Inbox(folder, framing.Keys(passphrases=[b"..."]))
for packet in outgoing:
    result = inbox.put(packet)      # None | Received | Refused | Repeated
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framing.events import Progress, Received, Refused, Repeated
    from framing.identity import Identity, PublicKey, SplitKey
    from framing.inbox import Inbox
    from framing.keys import Keys, PrivateKey
    from framing.locks import (
        ClearKey,
        KeyChoice,
        Lock,
        Passphrase,
        Plain,
        Recipient,
        RsaRecipient,
        SharesRecipient,
    )
    from framing.partial import Partial
    from framing.transfer import Outgoing, Plan

_HOMES = {
    "ClearKey": "locks",
    "Identity": "identity",
    "Inbox": "inbox",
    "KeyChoice": "locks",
    "Keys": "keys",
    "Lock": "locks",
    "Outgoing": "transfer",
    "Partial": "partial",
    "Passphrase": "locks",
    "Plain": "locks",
    "Plan": "transfer",
    "PrivateKey": "keys",
    "Progress": "events",
    "PublicKey": "identity",
    "Received": "events",
    "Recipient": "locks",
    "Refused": "events",
    "Repeated": "events",
    "RsaRecipient": "locks",
    "SharesRecipient": "locks",
    "SplitKey": "identity",
    "errors": "",
}

__all__ = [
    "ClearKey",
    "Identity",
    "Inbox",
    "KeyChoice",
    "Keys",
    "Lock",
    "Outgoing",
    "Partial",
    "Passphrase",
    "Plain",
    "Plan",
    "PrivateKey",
    "Progress",
    "PublicKey",
    "Received",
    "Recipient",
    "Refused",
    "Repeated",
    "RsaRecipient",
    "SharesRecipient",
    "SplitKey",
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
