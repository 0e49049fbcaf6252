"""The primitives through our own functions, and the order of chunks."""

import pytest

from framing import cipher, errors

# Test case 16 of McGrew & Viega, "The Galois/Counter Mode of Operation", as used by NIST
GCM_KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
GCM_IV = bytes.fromhex("cafebabefacedbaddecaf888")
GCM_PLAIN = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
GCM_AAD = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
GCM_SEALED = bytes.fromhex(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    "76fc6ece0f4e1768cddf8853bb2d551b"
)


def test_aes_256_gcm():
    assert cipher.aes_gcm_seal(GCM_KEY, GCM_IV, GCM_AAD, GCM_PLAIN) == GCM_SEALED
    assert cipher.aes_gcm_open(GCM_KEY, GCM_IV, GCM_AAD, GCM_SEALED) == GCM_PLAIN


def test_aes_256_gcm_of_nothing():
    """Test case 13: zero key, zero IV, no data."""
    tag = bytes.fromhex("530f8afbc74536b9a963b4f1c4cb738b")
    assert cipher.aes_gcm_seal(bytes(32), bytes(12), b"", b"") == tag


@pytest.mark.parametrize("at", [0, 30, len(GCM_SEALED) - 1])
def test_aes_256_gcm_refuses_a_flipped_bit(at):
    broken = bytearray(GCM_SEALED)
    broken[at] ^= 1
    with pytest.raises(errors.AuthenticationError):
        cipher.aes_gcm_open(GCM_KEY, GCM_IV, GCM_AAD, bytes(broken))
    with pytest.raises(errors.AuthenticationError):
        cipher.aes_gcm_open(GCM_KEY, GCM_IV, b"", GCM_SEALED)
    with pytest.raises(errors.AuthenticationError):
        cipher.aes_gcm_open(GCM_KEY, GCM_IV, GCM_AAD, GCM_SEALED[:15])


def test_hkdf_sha256():
    """RFC 5869, test cases 1 and 3."""
    made = cipher.hkdf_sha256(
        b"\x0b" * 22, bytes(range(13)), bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"), 42
    )
    assert made.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    made = cipher.hkdf_sha256(b"\x0b" * 22, b"", b"", 42)
    assert made.hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


@pytest.mark.parametrize(
    ("password", "salt", "log2_n", "r", "p", "start"),
    [
        (b"", b"", 4, 1, 1, "77d6576238657b203b19ca42c18a0497"),
        (b"password", b"NaCl", 10, 8, 16, "fdbabe1c9d3472007856e7190d01e9fe"),
        (b"pleaseletmein", b"SodiumChloride", 14, 8, 1, "7023bdcb3afd7348461c06cd81fd38eb"),
    ],
)
def test_scrypt(password, salt, log2_n, r, p, start):
    """RFC 7914, section 12."""
    assert cipher.scrypt(password, salt, log2_n, r, p, 64).hex().startswith(start)


SUITES = [cipher.Encrypted(bytes(range(32)), b"abcd"), cipher.Unencrypted(b"abcd")]
BODIES = [b"first", b"second", b"third", b"fourth"]


@pytest.fixture(params=SUITES, ids=["encrypted", "plain"])
def suite(request):
    return request.param


def sealed_chunks(suite, bodies=BODIES):
    sealer = cipher.ChunkSealer(suite)
    return [sealer.seal(body, i == len(bodies) - 1) for i, body in enumerate(bodies)]


def open_all(suite, chunks):
    opener = cipher.ChunkOpener(suite, len(BODIES))
    bodies = [opener.open(chunk) for chunk in chunks]
    opener.finish()
    return bodies


def test_chunks_come_back_in_order(suite):
    chunks = sealed_chunks(suite)
    assert open_all(suite, chunks) == BODIES
    assert [len(c) - len(b) for c, b in zip(chunks, BODIES, strict=True)] == [16] * 4


@pytest.mark.parametrize("kept", range(4))
def test_truncation(suite, kept):
    with pytest.raises(errors.TruncatedError):
        open_all(suite, sealed_chunks(suite)[:kept])


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2), (3, 1, 2, 0)])
def test_reordering(suite, order):
    chunks = sealed_chunks(suite)
    with pytest.raises(errors.ReorderedChunkError):
        open_all(suite, [chunks[i] for i in order])


@pytest.mark.parametrize("order", [(0, 0, 1, 2, 3), (0, 1, 2, 1, 3), (0, 1, 2, 3, 3), (0, 1, 1, 3)])
def test_replay(suite, order):
    chunks = sealed_chunks(suite)
    with pytest.raises(errors.ReplayedChunkError):
        open_all(suite, [chunks[i] for i in order])


def test_foreign_chunk(suite):
    chunks = sealed_chunks(suite)
    for other in (
        cipher.Encrypted(bytes(32), b"abcd"),
        cipher.Encrypted(bytes(range(32)), b"abce"),
        cipher.Unencrypted(b"abce"),
    ):
        foreign = sealed_chunks(other)
        with pytest.raises(errors.ForeignChunkError):
            open_all(suite, [chunks[0], foreign[1], *chunks[2:]])


def test_a_flipped_bit_makes_a_chunk_foreign(suite):
    chunks = sealed_chunks(suite)
    for at in range(8 * len(chunks[2])):
        broken = bytearray(chunks[2])
        broken[at >> 3] ^= 1 << (at & 7)
        with pytest.raises(errors.ForeignChunkError):
            open_all(suite, [*chunks[:2], bytes(broken), chunks[3]])


def test_the_last_flag_is_bound(suite):
    longer = sealed_chunks(suite, [*BODIES, b"fifth"])
    with pytest.raises(errors.TrailingChunkError):
        open_all(suite, longer[:4])
    shorter = sealed_chunks(suite, BODIES[:3])
    with pytest.raises(errors.TruncatedError):
        open_all(suite, [*shorter, sealed_chunks(suite)[3]])


def test_parts_do_not_open_in_another_place(suite):
    sealed = suite.seal(b"chunk", 0, b"", b"body")
    for purpose, nonce, aad in ((b"trailer", 0, b""), (b"chunk", 1, b""), (b"chunk", 0, b"x")):
        with pytest.raises(errors.AuthenticationError):
            suite.open(purpose, nonce, aad, sealed)


def test_no_secret_in_the_repr():
    assert "000102" not in repr(SUITES[0])
    assert "x01" not in repr(SUITES[0])
