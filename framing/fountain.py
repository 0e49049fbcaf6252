"""The fountain code: an object of k symbols becomes any number of symbols, any k + few rebuild it.

RaptorQ (RFC 6330) with one source block, one sub-block and symbol alignment 1. Symbol ids
below k are the object itself, cut in order. An object of one symbol is simply repeated.

`raptorq` rounds its symbol size down to a multiple of 8. The code works on each byte column
alone, so symbols go in padded with zero columns, which stay zero and are taken off again.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from raptorq import Decoder, Encoder

_PAYLOAD_ID_BYTES = 4  # source block number and symbol id, which `raptorq` puts before a symbol
_ALIGNMENT = 8
PASSES_MAX = 16  # a later pass costs as much memory as all before it; then symbols come again


def _aligned(symbol_bytes: int) -> int:
    return -(-symbol_bytes // _ALIGNMENT) * _ALIGNMENT


def source_symbols(length: int, symbol_bytes: int) -> int:
    """k of an object of `length` bytes (>= 1)."""
    return -(-length // symbol_bytes)


def repair_symbols(k: int, repair: float) -> int:
    """Symbols sent beyond k for an extra share `repair` >= 0, rounded, at least one."""
    return max(1, int(repair * k + 0.5))


def encode(
    data: bytes, symbol_bytes: int, count: int, turn: int, esi_count: int
) -> list[tuple[int, bytes]]:
    """The `count` symbols of one pass, as (symbol id, symbol).

    data          the object, zero-padded here to whole symbols
    count         symbols a pass, >= k, the same in every pass
    turn          pass number >= 0; the ids go on from pass to pass until they must start again
    esi_count     ids there are
    """
    k = source_symbols(len(data), symbol_bytes)
    padded = data.ljust(k * symbol_bytes, b"\0")
    turn %= max(1, min(PASSES_MAX, esi_count // count))
    first = turn * count
    if k == 1:
        return [(first + i, padded) for i in range(count)]
    if turn == 0 and count == k:
        return [(i, padded[i * symbol_bytes : (i + 1) * symbol_bytes]) for i in range(k)]
    aligned = _aligned(symbol_bytes)
    columns = np.zeros((k, aligned), np.uint8)
    columns[:, :symbol_bytes] = np.frombuffer(padded, np.uint8).reshape(k, symbol_bytes)
    encoder = Encoder.with_defaults(columns.tobytes(), aligned)
    packets = encoder.get_encoded_packets(first + count - k)[first:]
    symbol = slice(_PAYLOAD_ID_BYTES, _PAYLOAD_ID_BYTES + symbol_bytes)
    return [(first + i, made[symbol]) for i, made in enumerate(packets)]


def decode(symbols: Mapping[int, bytes], k: int, symbol_bytes: int) -> bytes | None:
    """The object (k * symbol_bytes bytes, padding included), or None where it needs more symbols.

    symbols  symbol id -> symbol of exactly `symbol_bytes`
    """
    if len(symbols) < k:
        return None
    if k == 1:
        return next(iter(symbols.values()))
    if all(esi in symbols for esi in range(k)):
        return b"".join([symbols[esi] for esi in range(k)])
    aligned = _aligned(symbol_bytes)
    decoder = Decoder.with_defaults(k * aligned, aligned)
    padding = bytes(aligned - symbol_bytes)
    for esi, symbol in symbols.items():
        data = decoder.decode(esi.to_bytes(_PAYLOAD_ID_BYTES, "big") + symbol + padding)
        if data is not None:
            columns = np.frombuffer(data, np.uint8).reshape(k, aligned)
            return columns[:, :symbol_bytes].tobytes()
    return None
