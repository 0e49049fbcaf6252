"""CRCs against the catalogue's check values and long division."""

import numpy as np
import pytest

from modem.fec.crc import crc16, crc24a


def bitwise(data, width, polynomial, register):
    """Long division, one bit at a time."""
    for byte in data:
        for i in range(7, -1, -1):
            feedback = (register >> (width - 1)) ^ (byte >> i & 1)
            register = register << 1 & (1 << width) - 1
            if feedback:
                register ^= polynomial
    return register


def test_catalogue_check_values():
    # reveng catalogue: CRC-24/LTE-A and CRC-16/IBM-3740.
    digits = np.frombuffer(b"123456789", np.uint8)[None]
    assert crc24a(digits).tolist() == [0xCDE703]
    assert crc16(digits).tolist() == [0x29B1]


@pytest.mark.parametrize("length", [3, 4, 7, 64, 65, 264, 1056])
def test_long_division(length):
    blocks = np.random.default_rng(length).integers(0, 256, (3, length), dtype=np.uint8)
    assert crc24a(blocks).tolist() == [bitwise(b.tolist(), 24, 0x864CFB, 0) for b in blocks]
    assert crc16(blocks).tolist() == [bitwise(b.tolist(), 16, 0x1021, 0xFFFF) for b in blocks]


def test_block_with_its_check_leaves_no_remainder():
    blocks = np.random.default_rng(0).integers(0, 256, (5, 100), dtype=np.uint8)
    check = crc24a(blocks).astype(">u4").view(np.uint8).reshape(5, 4)[:, 1:]
    assert not crc24a(np.concatenate((blocks, check), axis=1)).any()


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="length >= 3"):
        crc24a(np.zeros((1, 2), np.uint8))
    with pytest.raises(ValueError, match="int64"):
        crc16(np.zeros((1, 9), np.int64))
