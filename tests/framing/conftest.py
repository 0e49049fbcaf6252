"""`kit`: short ways to send and receive in the tests of this folder."""

import io
from types import SimpleNamespace

import numpy as np
import pytest

import framing

PASSWORD = b"correct horse"


def noise(size, seed=1):
    return np.random.default_rng(seed).bytes(size)


def send(data, *, name="photo.png", key=None, packet_bytes=350, known=True, **options):
    return framing.Outgoing(
        io.BytesIO(data),
        name=name,
        key=key or framing.Plain(),
        packet_bytes=packet_bytes,
        size=len(data) if known else None,
        **options,
    )


def receive(inbox, packets):
    return [result for p in packets if (result := inbox.put(p))]


def unlocked(*passphrases):
    return framing.Keys(passphrases=[p for p in passphrases or (PASSWORD,) if p is not None])


def files(folder):
    """What is there for the user; and nothing of unfinished transfers in the spool."""
    spool = folder / ".dialtone"
    assert not spool.exists() or [p.name for p in spool.iterdir()] == ["delivered"]
    return sorted(p for p in folder.iterdir() if p != spool)


@pytest.fixture
def kit():
    return SimpleNamespace(
        noise=noise,
        send=send,
        receive=receive,
        password=PASSWORD,
        unlocked=unlocked,
        files=files,
        locked=framing.Passphrase(PASSWORD, cost=10),
        clear=framing.ClearKey(),
        plain=framing.Plain(),
        chunk=65536,
    )
