"""What the frame layer costs in bytes: `make costs`.

Three tables: extra bytes on the air beyond the file, bytes of a key header by lock, and bytes of
the sealed data where a file is packed before it is encrypted and after.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from huffman_bench import encyclopaedia
from PIL import Image
from rich.console import Console
from rich.table import Table

import framing

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "tools" / "dialtone" / "data" / "photo.png"
PACKET_BYTES = (128, 350, 1053)
NAME = "photo of the bridge at noon.png"  # 31 characters
LOCKED = framing.Passphrase("correct horse", cost=10)  # its cost is not on the air


def sent(data: bytes, key: framing.KeyChoice, packet_bytes: int, **options: object) -> framing.Plan:
    """The plan of a transfer, without repair symbols unless asked for."""
    settings: dict[str, Any] = {"repair": 0.0, "media": "image/png"} | options
    outgoing = framing.Outgoing(
        io.BytesIO(data), name=NAME, key=key, packet_bytes=packet_bytes, size=len(data), **settings
    )
    with outgoing:
        plan = outgoing.plan
    assert plan is not None
    return plan


def on_the_air() -> Table:
    """Bytes of all packets of a pass, at 2 % repair, for files that do not compress."""
    table = Table("file", "packet [bytes]", "packets", "bytes beyond the file", "share")
    for size in (100, 65536, 20_000_000):
        data = np.random.default_rng(1).bytes(size)
        for packet_bytes in PACKET_BYTES:
            plan = sent(data, LOCKED, packet_bytes, repair=0.02)
            extra = plan.air_bytes_per_pass - size
            share = f"{extra / size:.1%}" if size > 100 else ""
            row = (
                f"{size:,}",
                f"{packet_bytes}",
                f"{plan.packets_per_pass:,}",
                f"{extra:,}",
                share,
            )
            table.add_row(*row)
    return table


def by_lock() -> Table:
    """Bytes that stand beside a chunk: record, key header, trailer."""
    keys = [framing.Identity.new().public for _ in range(5)]
    people = [framing.Recipient(key.x25519, key.ed25519) for key in keys]
    ways: dict[str, framing.KeyChoice] = {
        "plain": framing.Plain(),
        "key in header": framing.ClearKey(),
        "passphrase": LOCKED,
        "one recipient": people[0],
        "five recipients": people,
        "passphrase and recipient": [LOCKED, people[0]],
    }
    table = Table("lock", "keys and chunk [bytes]", "signed [bytes]")
    signer = framing.Identity.new()
    for name, key in ways.items():
        sizes: Sequence[int] = [
            sent(b"", key, 350, signer=who).sealed_bytes for who in (None, signer)
        ]
        table.add_row(name, *map(str, sizes))
    return table


def by_order() -> Table:
    """Sealed bytes of a transfer, compressed first and encrypted first."""
    photo = PHOTO.read_bytes()
    files = {
        "text": encyclopaedia(200_000),
        "pixels": np.asarray(Image.open(io.BytesIO(photo))).tobytes(),
        "PNG file": photo,
    }
    table = Table("file", "bytes", "compress first", "encrypt first", "plain, encrypt first")
    for name, data in files.items():
        ways = ((LOCKED, False), (LOCKED, True), (framing.Plain(), True))
        sizes = [sent(data, key, 350, encrypt_first=first).sealed_bytes for key, first in ways]
        table.add_row(name, f"{len(data):,}", *(f"{size:,}" for size in sizes))
    return table


def main() -> None:
    console = Console()
    for table in (on_the_air(), by_lock(), by_order()):
        console.print(table)


if __name__ == "__main__":
    main()
