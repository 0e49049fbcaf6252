"""Write the second implementation's vectors: `python -m tests.framing.vectors.generate_second`.

Every random byte string comes from SHAKE-256 of the vector's name, so that the same bytes come out
each time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..second import locks, texts
from ..second.packing import several_codes
from ..second.writer import Letter, random_bytes, write

FOLDER = Path(__file__).parent
IDENTITY_PASSPHRASE = "Grüße an alle"
PASSPHRASE = "correct horse"
LATE = 4102444800  # 2100-01-01T00:00:00Z
SIGNED = 1767225600  # 2026-01-01T00:00:00Z
FOX = b"The quick brown fox jumps over the lazy dog. "

ALICE = texts.Identity(random_bytes("alice")(32))
BOB = texts.Identity(random_bytes("bob")(32))
SPLIT = random_bytes("split")(32)
SHARES = texts.split(SPLIT, 3, 5, random_bytes("shares"))
SPLIT_PUBLIC = texts.split_public(SPLIT, SHARES[0])
ONETIME = [random_bytes(f"one-time key {i}")(32) for i in range(3)]

IDENTITY_TEXT = BOB.locked(IDENTITY_PASSPHRASE, random_bytes("salt")(16), 10, 2)
BUNDLE = texts.onetime(BOB, [locks.hpke.public_key(key) for key in ONETIME])

Content = list[tuple[bytes, int]]
NOTHING: Content = []
HELLO: Content = [(b"hello, world", 1)]
LINES: Content = [(FOX, 8)]
SKEWED: Content = [(b"aaaaaabaaacaaaabaaaaad", 6100)]
WORDS: Content = [(FOX + b"Pack my box with five dozen liquor jugs! ", 800)]
FLAT: Content = [(bytes(range(256)), 12)]
ONES: Content = [(bytes([value]), 65536) for value in b"abcdefgh"]

PASSPHRASE_KEY = {"passphrase": PASSPHRASE}
IDENTITY_KEY = {"identity": IDENTITY_TEXT, "identity_passphrase": IDENTITY_PASSPHRASE}
ONETIME_KEY = {"bundle": BUNDLE, "private": ONETIME[1].hex()}
RSA_KEY = {"pem": "rsa.pem"}
SHARES_KEY = {
    "shares": [SHARES[i].text for i in (4, 0, 2)],
    "key": texts.to_text("dialtone-key-", SPLIT_PUBLIC),
}
Key = dict[str, Any]


def _vector(title: str, content: Content, opens: list[Key], **more: Any) -> Key:
    settings = {"packet_bytes": 350, "stanzas": (), **more}
    letter = Letter(
        file=b"".join(data * times for data, times in content),
        name="fox.txt",
        media="text/plain",
        **settings,
    )
    signer = letter.signer and texts.to_text("dialtone-key-", letter.signer.public)
    return {
        "name": letter.name,
        "media": letter.media,
        "file": [[data.hex(), times] for data, times in content],
        "sized": letter.sized,
        "expires": letter.expires,
        "encrypt_first": letter.encrypt_first,
        "signer": signer,
        "signed": letter.signed if letter.signer else None,
        "opens": opens,
        "packet_bytes": letter.packet_bytes,
        "packets": [packet.hex() for packet in write(letter, random_bytes(title))],
    }


def vectors() -> dict[str, Key]:
    """Every vector by its name; `opens` lists what opens it, each alone ({}: nothing is needed)."""
    clear = [locks.clear()]
    passphrase = [locks.passphrase(PASSPHRASE, 10, 1)]
    recipient = [locks.recipient(BOB.public)]
    onetime = [locks.recipient(BOB.public, locks.hpke.public_key(ONETIME[1]))]
    rsa = [locks.rsa_oaep(locks.load_rsa((FOLDER / "rsa.pem").read_bytes()).public_key())]
    shares = [locks.shares(SPLIT_PUBLIC)]
    everybody = [*rsa, *passphrase, *shares, *recipient, *onetime]
    all_keys = [PASSPHRASE_KEY, IDENTITY_KEY, ONETIME_KEY, RSA_KEY, SHARES_KEY]
    signed = {"signer": ALICE, "signed": SIGNED}
    cases: dict[str, tuple[Content, list[Key], dict[str, Any]]] = {
        "clear": (LINES, [{}], {"stanzas": clear}),
        "passphrase": (LINES, [PASSPHRASE_KEY], {"stanzas": passphrase}),
        "recipient": (LINES, [IDENTITY_KEY], {"stanzas": recipient}),
        "onetime": (LINES, [ONETIME_KEY], {"stanzas": onetime}),
        "rsa": (HELLO, [RSA_KEY], {"stanzas": rsa, "packet_bytes": 1053}),
        "shares": (HELLO, [SHARES_KEY], {"stanzas": shares, "packet_bytes": 128}),
        "several": (HELLO, all_keys, {"stanzas": everybody, "packet_bytes": 64}),
        "plain": (LINES, [{}], {}),
        "plain_signed": (LINES, [{}], signed),
        "signed": (HELLO, [IDENTITY_KEY], {"stanzas": recipient, **signed}),
        "expiring": (HELLO, [PASSPHRASE_KEY], {"stanzas": passphrase, "expires": LATE}),
        "encrypt_first": (
            LINES,
            [IDENTITY_KEY],
            {"stanzas": recipient, "encrypt_first": True, **signed},
        ),
        "encrypt_first_plain": (SKEWED, [{}], {"encrypt_first": True, "packet_bytes": 1053}),
        "empty": (NOTHING, [PASSPHRASE_KEY], {"stanzas": passphrase, "packet_bytes": 4096}),
        "empty_encrypt_first": (NOTHING, [{}], {"encrypt_first": True, "sized": False}),
        "three_chunks": (SKEWED, [{}], {"stanzas": clear, "packet_bytes": 4096}),
        "stored": (FLAT, [{}], {"sized": False, "packet_bytes": 1053}),
        "two_codes": (LINES, [{}], {"packer": several_codes(2)}),
        "three_codes": (ONES[:1], [{}], {"stanzas": clear, "packer": several_codes(3)}),
        "five_codes": (
            WORDS,
            [IDENTITY_KEY],
            {"stanzas": recipient, "packer": several_codes(5), "packet_bytes": 1053},
        ),
        "eight_codes_encrypt_first_plain": (
            WORDS,
            [{}],
            {"packer": several_codes(8), "encrypt_first": True, "packet_bytes": 1053, **signed},
        ),
        "eight_blocks": (ONES, [{}], {"stanzas": clear, "packet_bytes": 64, "most": 100}),
    }
    return {
        name: _vector(name, content, opens, **more)
        for name, (content, opens, more) in cases.items()
    }


def text_of(vector: Key) -> str:
    """A vector as it stands in its file."""
    return json.dumps(vector, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them all."""
    for name, vector in vectors().items():
        (FOLDER / "second" / f"{name}.json").write_text(text_of(vector), encoding="utf-8")


if __name__ == "__main__":
    main()
