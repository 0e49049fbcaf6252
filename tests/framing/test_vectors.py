"""The frozen vectors: read by a reader written from the README alone, made again byte for byte."""

import hashlib
import hmac
import importlib.util
import json
import zlib
from pathlib import Path

import pytest
from Crypto.Cipher import AES

import framing

FOLDER = Path(__file__).parent / "vectors"
NAMES = ["plain", "clear", "passphrase", "streams", "empty"]


def vector(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


# -- a second reader: no import from framing, source symbols only --------------------------------


def read_object(packets):
    """(transfer id, the data block) from its source symbols."""
    symbols = {}
    for packet in packets:
        body, crc = packet[:-4], int.from_bytes(packet[-4:], "big")
        assert zlib.crc32(b"dialtone packet 1" + body) == crc
        head = int.from_bytes(body[4:8], "big")
        assert head >> 31 == 0
        assert head >> 28 == 0
        k, esi = head >> 16 & 0xFFF, head & 0xFFFF
        if esi < k or k == 1:
            symbols[0 if k == 1 else esi] = body[8:]
    return packets[0][:4], b"".join(symbols[i] for i in range(k))


def read_records(data):
    while len(data) >= 3 and data[:3] != b"\0\0\0":
        prefix = int.from_bytes(data[:3], "big")
        yield prefix >> 20, data[3 : 3 + (prefix & 0xFFFFF)]
        data = data[3 + (prefix & 0xFFFFF) :]


def read_fields(data):
    while data:
        length = int.from_bytes(data[1:3], "big")
        yield data[0], data[3 : 3 + length]
        data = data[3 + length :]


def hkdf(secret, salt, info):
    key = hmac.digest(salt, secret, "sha256")
    return hmac.digest(key, info + b"\1", "sha256")


def gcm(key, nonce, sealed, aad=b""):
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce.to_bytes(12, "big"))
    cipher.update(aad)
    return cipher.decrypt_and_verify(sealed[:-16], sealed[-16:])


class Opener:
    def __init__(self, transfer, header, passphrase):
        assert header[0] == 1
        self.transfer, self.key = transfer, None
        end = 4 + int.from_bytes(header[2:4], "big")
        for kind, body in read_fields(header[4:end]):
            if kind == 1:
                self.key = body
            elif kind == 2:
                n = 1 << body[16]
                wrap = hashlib.scrypt(
                    passphrase.encode(), salt=body[:16], n=n, r=8, p=3, dklen=32, maxmem=1 << 26
                )
                self.key = gcm(wrap, 0, body[17:])
        assert (self.key is None) == (header[1] == 0)
        assert header[-32:] == self.mac(header[:-32])
        self.metadata = dict(read_fields(self.open(b"metadata", 0, header[end:-32], header[:end])))

    def mac(self, data):
        label = b"dialtone 1 header"
        if self.key is None:
            return hashlib.sha256(label + self.transfer + data).digest()
        return hmac.digest(hkdf(self.key, self.transfer, label), data, "sha256")

    def open(self, purpose, nonce, sealed, aad=b""):
        label = b"dialtone 1 " + purpose
        if self.key is not None:
            return gcm(hkdf(self.key, self.transfer, label), nonce, sealed, aad)
        covered = label + self.transfer + nonce.to_bytes(12, "big")
        covered += len(aad).to_bytes(4, "big") + aad + sealed[:-16]
        assert hashlib.sha256(covered).digest()[:16] == sealed[-16:]
        return sealed[:-16]


class Bits:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self):
        bit = self.data[self.at >> 3] >> (self.at & 7) & 1
        self.at += 1
        return bit

    def gamma(self):
        zeros = 0
        while not self.take():
            zeros += 1
        return (1 << zeros) + sum(self.take() << i for i in range(zeros))


def unhuffman(packed):
    if packed[0] == 0:
        return packed[1:]
    size = int.from_bytes(packed[1:3], "big") + 1
    bits = Bits(packed[3:])
    present, flag = [], False
    while len(present) < 256:
        run = bits.gamma() - (not present and not flag)
        present += [flag] * run
        flag = not flag
    lengths, length = {}, 8
    for symbol in (s for s in range(256) if present[s]):
        if sum(present) > 1:
            value = bits.gamma()
            length += value >> 1 if value & 1 else -(value >> 1)
        lengths[symbol] = length
    codes, code, previous = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in lengths.items()):
        code <<= length - previous
        codes[f"{code:0{length}b}"] = symbol
        code, previous = code + 1, length
    data = bits.data[(bits.at + 7) // 8 :]
    cuts, quarter = [len(data)], size
    if size >= 1024:
        lengths, data = [int.from_bytes(data[i : i + 2], "big") for i in (0, 2, 4)], data[6:]
        cuts, quarter = [*lengths, len(data) - sum(lengths)], (size + 3) // 4
    out = b""
    for cut in cuts:
        bits, data = Bits(data[:cut]), data[cut:]
        for _ in range(min(quarter, size - len(out))):
            word = ""
            while word not in codes:
                word += str(bits.take())
            out += bytes([codes[word]])
    return out


def read_file(packets, passphrase):
    transfer, block = read_object(packets)
    (_, header), *chunks, (kind, trailer) = read_records(block)
    assert kind == 2
    opener = Opener(transfer, header, passphrase)
    ending = opener.open(b"trailer", 0, trailer[2:], trailer[:2])
    assert int.from_bytes(trailer[:2], "big") == 1
    assert int.from_bytes(ending[:4], "big") == len(chunks)
    file = b""
    for i, (kind, sealed) in enumerate(chunks):
        assert kind == 3
        file += unhuffman(opener.open(b"chunk", i << 8 | (i == len(chunks) - 1), sealed))
    assert int.from_bytes(ending[4:12], "big") == len(file)
    assert ending[12:44] == hashlib.sha256(file).digest()
    return file, opener.metadata


@pytest.mark.parametrize("name", NAMES)
def test_a_second_reader_agrees(name):
    case = vector(name)
    packets = [bytes.fromhex(p) for p in case["packets"]]
    file, metadata = read_file(packets, case["passphrase"])
    assert file.hex() == case["file"]
    assert metadata[1].decode() == case["name"]
    assert metadata[2].decode() == case["media"]
    assert int.from_bytes(metadata[3], "big") == len(file)


@pytest.mark.parametrize("name", NAMES)
def test_the_inbox_reads_them_without_the_first_packet(kit, tmp_path, name):
    case = vector(name)
    inbox = framing.Inbox(tmp_path, passphrase=case["passphrase"])
    packets = [bytes.fromhex(p) for p in case["packets"]]
    (received,) = kit.receive(inbox, packets[1:])
    assert received.path.read_bytes().hex() == case["file"]
    assert (received.name, received.media) == (case["name"], case["media"])


@pytest.mark.parametrize("name", NAMES)
def test_they_are_made_again(name):
    spec = importlib.util.spec_from_file_location("generate", FOLDER / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.make(name) == vector(name)
