"""The inbox of arrivals when its process is killed, or its disk fails, at any call of the operating
system: the folder is there as a whole or not at all, and the next run finishes it, once."""

import contextlib
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from dialtone import pictures
from dialtone.listening.arrivals import HOOK, Arrivals, arrivals
from PIL import Image

import framing
from framing.errors import StorageError
from tests.framing.test_delivery_faults import BROKEN, FULL, KILLED, Faults, in_a_child

PHOTO = Path(__file__).parents[2] / "tools/dialtone/data/photo.png"


def small_picture() -> bytes:
    """A PNG that is sent in its packed form."""
    file = io.BytesIO()
    Image.open(PHOTO).crop((100, 100, 148, 148)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(params=["file", "picture"])
def scene(request, tmp_path, monkeypatch):
    """(packets, content of the file in the end)"""
    monkeypatch.setattr("os.fsync", lambda _: None)
    data = np.random.default_rng(1).bytes(500)
    if request.param == "picture":
        data = small_picture()
    source = tmp_path / "photo.png"
    source.write_bytes(data)
    with pictures.file_payload(source) as payload:
        assert bool(payload.media) == (request.param == "picture")
        outgoing = framing.Outgoing(
            payload.stream, name=payload.name, key=framing.Plain(), packet_bytes=350,
            size=payload.size, media=payload.media,
        )  # fmt: skip
        packets = list(outgoing)
        outgoing.close()
    return packets, data


def receive(folder, packets):
    """One run of a receiver with a hook: what it said."""
    results = []
    with contextlib.suppress(StorageError):
        inbox = framing.Inbox(folder, place=Arrivals(folder, hooked=True))
        with contextlib.suppress(StorageError):
            results += inbox.resuming()
        for packet in packets:
            with contextlib.suppress(StorageError):
                results.append(inbox.put(packet))
        inbox.close()
    return [result for result in results if result]


def check(folder, data):
    """What is there is whole."""
    for arrival in arrivals(folder) if folder.exists() else []:
        assert arrival.file.read_bytes() == data
        assert arrival.receipt["sha256"] == hashlib.sha256(data).hexdigest()
        assert (arrival.folder / HOOK).exists()
    for path in folder.glob("2*"):
        assert json.loads((path / "receipt.json").read_text())["file"] == "photo.png"


def check_finished(folder, data):
    check(folder, data)
    assert len(arrivals(folder)) == 1
    names = {path.name for path in folder.rglob("*")} - {arrivals(folder)[0].folder.name}
    assert names == {"photo.png", "receipt.json", HOOK, ".dialtone", "delivered"}


def test_killed_at_every_call(scene, tmp_path):
    packets, data = scene
    for at in range(1000):
        folder = tmp_path / str(at)

        def work(folder=folder, at=at):
            Faults(KILLED, at).install(pytest.MonkeyPatch())
            receive(folder, packets)

        done = in_a_child(work)
        check(folder, data)
        receive(folder, packets)
        check_finished(folder, data)
        if done:
            break
    assert at > 60


@pytest.mark.parametrize("way", [FULL, BROKEN])
def test_the_disk_fails_at_every_call(scene, tmp_path, way):
    packets, data = scene
    for at in range(1000):
        folder = tmp_path / str(at)
        faults = Faults(way, at)
        with pytest.MonkeyPatch.context() as patch:
            faults.install(patch)
            receive(folder, packets)
        try:
            check(folder, data)
            receive(folder, packets)
            check_finished(folder, data)
        except AssertionError as error:
            error.add_note(f"at call {at}, {faults.log}")
            raise
        if faults.count <= at:
            break
    assert at > 60
