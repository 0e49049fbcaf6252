"""The 256-bit blocks, byte by byte, and what damaged or hostile ones do."""

from __future__ import annotations

import lzma
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import imaging
from imaging import predict

VECTORS = Path(__file__).parent / "vectors"
FILTERS = [{"id": lzma.FILTER_LZMA2, "dict_size": 8 << 20, "lc": 3, "lp": 0, "pb": 0}]


def header(
    method: int = 0,
    layout: int = 3,
    parameter: int = 0,
    width: int = 2,
    height: int = 1,
    length: int = 6,
    checksum: int = 0,
    offset: int = 0,
    step: int = 1,
) -> bytes:
    """A header block built from the description in imaging/README.md."""
    block = b"DTPX\x01" + struct.pack(
        ">BBBIIIIHH", method, layout, parameter, width, height, length, checksum, offset, step
    )
    return block + struct.pack(">I", zlib.crc32(block))


def blocks(payload: bytes, pixels: bytes, **fields: int) -> bytes:
    head = header(length=len(payload), checksum=zlib.crc32(pixels), **fields)
    return head + payload + bytes(-len(payload) % 32)


def test_stored_pixels_by_the_layout() -> None:
    pixels = bytes([1, 2, 3, 250, 251, 252])
    data = blocks(pixels, pixels)
    assert len(data) == 64
    np.testing.assert_array_equal(imaging.decode_exact(data), [[[1, 2, 3], [250, 251, 252]]])
    wide = bytes([1, 2, 250, 251])
    decoded = imaging.decode_exact(blocks(wide, wide, layout=0x10, width=2))
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, [[0x0102, 0xFAFB]])


def test_repeats_by_the_layout() -> None:
    rows = bytes([10, 20, 30, 10, 20, 30]), bytes([1, 1, 1, 2, 2, 2])
    payload = lzma.compress(b"".join(rows), lzma.FORMAT_RAW, filters=FILTERS)
    pixels = rows[0] + bytes(a + b & 255 for a, b in zip(*rows, strict=True))
    decoded = imaging.decode_exact(blocks(payload, pixels, method=2, parameter=1, height=2))
    assert decoded.tobytes() == pixels
    # Two colours, three pixels a row: one byte of indices for each row.
    payload = lzma.compress(
        bytes([1, 5, 6, 7, 9, 9, 9, 0b01000000, 0b11100000]), lzma.FORMAT_RAW, filters=FILTERS
    )
    dark, light = bytes([5, 6, 7]), bytes([9, 9, 9])
    pixels = dark + light + dark + light * 3
    decoded = imaging.decode_exact(
        blocks(payload, pixels, method=2, parameter=2, width=3, height=2)
    )
    assert decoded.tobytes() == pixels


def test_the_encoder_writes_the_same_header(photo: np.ndarray) -> None:
    pixels = photo[:20, :30]
    data = imaging.encode_exact(pixels)
    length = struct.unpack_from(">I", data, 16)[0]
    checksum = zlib.crc32(pixels.tobytes())
    low, high = int(pixels.min()), int(pixels.max())
    bits = (high - low).bit_length()
    assert data[:32] == header(1, 3, bits, 30, 20, length, checksum, low, 1)
    assert len(data) == 32 + -(-length // 32) * 32


@pytest.mark.parametrize(
    "fields",
    [
        {"method": 3},
        {"layout": 5},
        {"layout": 0x23},
        {"width": 0},
        {"height": 0},
        {"step": 0},
        {"length": 7},
        {"length": 5},
        {"length": 0},
        {"length": 0xFFFFFFFF},
        {"width": 3},
        {"height": 0xFFFFFFFF},
        {"width": 0xFFFFFFFF, "height": 0xFFFFFFFF},
        {"method": 1, "parameter": 0},
        {"method": 1, "parameter": 17},
        {"method": 2, "parameter": 3},
        {"parameter": 1},
        {"offset": 1},
        {"step": 2},
        {"checksum": 1},
    ],
)
def test_impossible_headers_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(imaging.ImagingError):
        imaging.decode_exact(header(**fields) + bytes(32))


@pytest.mark.parametrize(("method", "parameter"), [(0, 0), (2, 0), (2, 1), (2, 2)])
def test_large_claims_cost_no_memory(method: int, parameter: int) -> None:
    """A few bytes that announce 256 MB: the pixels get no room before they are there."""
    data = header(method, 3, parameter, 1 << 13, 1 << 13, 32) + b"\x55" * 32
    tracemalloc.start()
    with pytest.raises(imaging.ImagingError):
        imaging.decode_exact(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20  # the dictionary of LZMA takes 8 MB


def test_predicted_pixels_end_with_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for what is announced is free until it is written to: that ends in the first row."""
    genuine, seen = predict.code_samples, []

    def code_samples(samples: np.ndarray, *rest: object) -> int:
        seen.append(samples)
        return genuine(samples, *rest)

    monkeypatch.setattr(predict, "code_samples", code_samples)
    with pytest.raises(imaging.ImagingError):
        imaging.decode_exact(header(1, 3, 8, 1 << 11, 1 << 11, 32) + b"\x55" * 32)
    (samples,) = seen
    assert samples[0].any()
    assert not samples[1:].any()


def test_a_bomb_of_repeats_is_cut_short() -> None:
    payload = lzma.compress(bytes(50_000_000), lzma.FORMAT_RAW, filters=FILTERS)
    for form in range(3):
        with pytest.raises(imaging.ImagingError):
            imaging.decode_exact(blocks(payload, b"", method=2, parameter=form, width=100))


@pytest.fixture(scope="module")
def coded(photo: np.ndarray) -> list[bytes]:
    graphic = np.zeros((24, 32, 3), np.uint8)
    graphic[4:12, 3:20] = (200, 30, 30)
    deep = photo[:12, :16].astype(np.uint16) * 251
    return [
        imaging.encode_exact(pixels)
        for pixels in (photo[:24, :32], photo[:16, :16, 0], graphic, deep)
    ]


def test_every_truncation_is_refused(coded: list[bytes]) -> None:
    for data in coded:
        for length in range(len(data)):
            with pytest.raises(imaging.ImagingError):
                imaging.decode_exact(data[:length])
        with pytest.raises(imaging.ImagingError):
            imaging.decode_exact(data + bytes(32))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_refused(coded: list[bytes], data: st.DataObject) -> None:
    """A changed byte is refused, or harmless (the last may have spare bits): no other pixels."""
    good = data.draw(st.sampled_from(coded))
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        bad[data.draw(st.integers(0, len(bad) - 1))] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        bad[:5] = good[:5]
        bad[28:32] = zlib.crc32(bytes(bad[:28])).to_bytes(4, "big")
    try:
        pixels = imaging.decode_exact(bytes(bad))
    except imaging.ImagingError:
        return
    assert pixels.tobytes() == imaging.decode_exact(good).tobytes()


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300),
    st.integers(0, 2),
    st.sampled_from([0, 1, 2, 3, 4, 16, 17, 18, 19, 20]),
    st.integers(0, 17),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 65535),
)
def test_random_payloads_never_crash(
    payload: bytes, method: int, layout: int, parameter: int, width: int, height: int, step: int
) -> None:
    data = blocks(
        payload,
        b"",
        method=method,
        layout=layout,
        parameter=parameter,
        width=width,
        height=height,
        step=step,
    )
    with pytest.raises(imaging.ImagingError):
        imaging.decode_exact(data)


@pytest.mark.parametrize("name", ["photo", "wide"])
def test_streams_of_version_1_stay_readable(photo: np.ndarray, name: str) -> None:
    """Written once (x86-64); other machines and later versions must read and write the same."""
    crop = photo[130:154, 180:212]
    pixels = crop if name == "photo" else (crop[:, :, :2].astype(np.uint16) << 4) + 5
    stream = (VECTORS / f"{name}.pixels").read_bytes()
    np.testing.assert_array_equal(imaging.decode_exact(stream), pixels)
    assert imaging.encode_exact(pixels) == stream
