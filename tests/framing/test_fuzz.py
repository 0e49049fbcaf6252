"""A few hundred new inputs for every target of tools/fuzz.py, and what bounds the work of one."""

import base64
import importlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from Crypto.Util.asn1 import DerSequence
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import framing
from framing import fountain, header, incoming, names, packet, records, stanzas
from framing.errors import KeyTextError, MalformedError

TOOLS = Path(__file__).parents[2] / "tools"
EXAMPLES = {
    "packets": 40, "transfers": 60, "spool": 40, "memory": 30, "pem": 60, "texts": 100,
    "beginnings": 60,
}  # fmt: skip
NAMES = [
    "packet", "records", "header", "trailer", "chunk", "texts", "shares", "pem", "one-time",
    "fountain", "packets", "transfers", "spool", "memory",
    "beginnings", "previews",
]  # fmt: skip


@pytest.fixture
def fuzzing(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    monkeypatch.setattr("os.fsync", lambda _: None)
    return importlib.import_module("fuzzing.targets")


@pytest.mark.parametrize("name", NAMES)
def test_new_inputs(fuzzing, tmp_path_factory, name):
    target, _ = fuzzing.TARGETS[name]

    @settings(
        max_examples=EXAMPLES.get(name, 150),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=150))
    def keeps_its_promises(data):
        target(data, tmp_path_factory.mktemp("in"))

    keeps_its_promises()


def test_these_are_all_targets(fuzzing):
    assert sorted(fuzzing.TARGETS) == sorted(NAMES)
    assert sum(share for _, share in fuzzing.TARGETS.values()) == pytest.approx(1)


# -- what one packet can cost ------------------------------------------------------------------


@pytest.fixture
def decodings(monkeypatch):
    """(symbols, k) of every time that the fountain code is solved."""
    calls = []
    decode = fountain.decode

    def counted(symbols, k, size):
        calls.append((len(symbols), k))
        return decode(symbols, k, size)

    monkeypatch.setattr(fountain, "decode", counted)
    return calls


def test_symbols_that_solve_nothing_are_tried_a_few_times(tmp_path, decodings):
    """Of an object that is zero but in one column a symbol of 256 is zero: these ids solve nothing,
    however many they are, as they do not tell it from the one that is zero everywhere."""
    k, size = 100, packet.symbol_bytes(0, 64)
    columns = np.zeros((k, size), np.uint8)
    columns[:, 0] = np.frombuffer(np.random.default_rng(1).bytes(k), np.uint8)
    made = fountain.encode(columns.tobytes(), size, 1 << 16, 0, 1 << 16)
    ids = [esi for esi, symbol in made if not any(symbol)]
    assert len(ids) > 2 * k
    inbox = framing.Inbox(tmp_path)
    for esi in ids:
        assert inbox.put(packet.build(b"ABCD", 0, k, esi, bytes(size))) is None
    assert 1 <= len(decodings) <= 12
    assert all(symbols <= k + 3 for symbols, _ in decodings)


def test_keys_objects_without_keys_are_read_once(tmp_path, decodings):
    size = packet.symbol_bytes(packet.TRAILER, 64)
    inbox = framing.Inbox(tmp_path)
    for esi in range(3):
        symbol = records.build(9, bytes(3 * size - 3))[esi * size :][:size]
        inbox.put(packet.build(b"ABCD", packet.TRAILER, 3, esi, symbol))
    assert len(decodings) == 1
    for esi in range(20):
        inbox.put(packet.build(b"ABCD", 3, 100, esi, bytes(size)))
    assert len(decodings) == 1


def test_keys_after_keys_objects_without_keys_are_still_taken(kit, tmp_path):
    packets = list(kit.send(b"hello", packet_bytes=64))
    parsed = [packet.parse(p) for p in packets]
    block = b"".join(p.symbol for p in parsed[: parsed[0].k])
    head = records.build(*next(iter(records.parse(block))))
    size = packet.symbol_bytes(packet.HEADER, 64)
    inbox = framing.Inbox(tmp_path)
    inbox.put(packet.build(parsed[0].transfer, packet.HEADER, 1, 0, bytes(size)))
    assert inbox.pending() == []
    k = fountain.source_symbols(len(head), size)
    for esi, symbol in fountain.encode(head, size, k, 0, 1 << 16):
        inbox.put(packet.build(parsed[0].transfer, packet.HEADER, k, esi, symbol))
    assert inbox.pending()[0].header


def test_the_memory_of_a_packet_does_not_depend_on_its_numbers(tmp_path):
    """A thousand objects with the highest symbol id: a few hundred bytes each, not 32 KiB."""
    inbox = framing.Inbox(tmp_path)
    packets = [
        packet.build(b"ABCD", 6 + i, 2, (1 << 18) - 1, bytes(packet.symbol_bytes(6, 64)))
        for i in range(1000)
    ]
    inbox.put(packets[0])
    tracemalloc.start()
    try:
        for p in packets:
            inbox.put(p)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 2_000_000


def test_a_transfer_of_a_newer_version_is_read_once(kit, tmp_path, monkeypatch):
    """A transfer with a record of a later version is whole: no packet can change what it is."""
    packets = list(kit.send(b"hello"))
    parsed = [packet.parse(p) for p in packets]
    parts = list(records.parse(b"".join(p.symbol for p in parsed[: parsed[0].k])))
    block = b"".join(records.build(*part) for part in [*parts[:-1], (9, b"later"), parts[-1]])
    size = packet.symbol_bytes(0, 350)
    k = fountain.source_symbols(len(block), size)
    made = [
        packet.build(parsed[0].transfer, 0, k, esi, symbol)
        for esi, symbol in fountain.encode(block, size, k + 1, 0, 1 << 16)
    ]
    read = []
    plaintext = incoming.plaintext
    monkeypatch.setattr(incoming, "plaintext", lambda *all: read.append(1) or plaintext(*all))
    inbox = framing.Inbox(tmp_path)
    (refused,) = kit.receive(inbox, [*made, *made])
    assert (refused.error, read) == ("VersionError", [1])
    assert [result.error for result in framing.Inbox(tmp_path).resume()] == ["VersionError"]


def test_thousands_of_accents_are_not_put_in_order(monkeypatch):
    lengths = []
    normalize = names.unicodedata.normalize
    monkeypatch.setattr(
        names.unicodedata,
        "normalize",
        lambda form, text: lengths.append(len(text)) or normalize(form, text),
    )
    assert names.safe_name("a" + "\u0301\u0316" * 16_000)
    assert max(lengths) <= 1024


def test_metadata_has_a_bound():
    assert header.Metadata.from_bytes(records.field(9, bytes(65532))).name == ""
    with pytest.raises(MalformedError):
        header.Metadata.from_bytes(records.field(9, bytes(65530)) + records.field(9, b""))


def test_records_of_an_object_have_a_bound():
    one = records.build(records.CHUNK, b"x")
    assert sum(1 for _ in records.parse(one * 65536)) == 65536
    with pytest.raises(MalformedError):
        list(records.parse(one * 65537))


def test_numbers_of_rsa_keys_have_a_bound(monkeypatch):
    """A public key of half a million bits would take seconds."""
    monkeypatch.setattr(stanzas.RSA, "import_key", lambda *_: pytest.fail("it was read"))
    der = DerSequence([(1 << 60_000) - 1, 65537]).encode()
    body = base64.encodebytes(der)
    text = b"-----BEGIN RSA PUBLIC KEY-----\n" + body + b"-----END RSA PUBLIC KEY-----"
    with pytest.raises(KeyTextError):
        stanzas.rsa_key(text, None)
