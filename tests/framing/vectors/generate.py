"""Make the vectors: `python tests/framing/vectors/generate.py`. All randomness is counted bytes.

Run it only when the format changes on purpose; the files are what other implementations read.
"""

from __future__ import annotations

import io
import json
import secrets
from pathlib import Path

import framing

FOLDER = Path(__file__).parent
FOX = b"The quick brown fox jumps over the lazy dog. " * 4


def counted_bytes(count: int) -> bytes:
    """Stands in for `secrets.token_bytes`: 00 01 02 ..."""
    return bytes(i & 0xFF for i in range(count))


CASES = {
    "plain": (framing.Plain(), FOX, 128),
    "clear": (framing.ClearKey(), FOX, 128),
    "passphrase": (framing.Passphrase("correct horse", cost=10), b"hello, world", 128),
    "streams": (framing.Plain(), bytes(i * i % 251 % 6 for i in range(1303)), 350),
    "empty": (framing.Plain(), b"", 128),
}


def make(name: str) -> dict[str, object]:
    """One vector, as it stands in the file."""
    key, data, packet_bytes = CASES[name]
    real, secrets.token_bytes = secrets.token_bytes, counted_bytes
    try:
        outgoing = framing.Outgoing(
            io.BytesIO(data),
            name="fox.txt",
            key=key,
            packet_bytes=packet_bytes,
            size=len(data),
            media="text/plain",
        )
        packets = [packet.hex() for packet in outgoing]
    finally:
        secrets.token_bytes = real
    return {
        "passphrase": "correct horse" if name == "passphrase" else None,
        "name": "fox.txt",
        "media": "text/plain",
        "file": data.hex(),
        "packet_bytes": packet_bytes,
        "packets": packets,
    }


if __name__ == "__main__":
    for case in CASES:
        (FOLDER / f"{case}.json").write_text(json.dumps(make(case), indent=1) + "\n")
