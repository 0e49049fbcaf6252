"""The public modems `amodem` and `minimodem` over the same channels, where they are installed.

Both are run as a user runs them: a program of their own that turns a file into sound and sound
into a file. The file's bytes must come out in one piece; neither corrects errors. What minimodem,
which has no frames, makes of the noise before and after them is forgiven.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modem import Profile
    from modem.channel import Channel

TIME_LIMIT_S = 60.0  # of one run of a program
_AIR_S = 5.0  # length of a transmission, about; slow rates carry less in it
_QUIET_S = 0.5  # ahead of the signal and behind it, for the channel to fill with its noise
_CHECK_BYTES = 64


class RunError(Exception):
    """A program ended with an error, made no file, or took too long."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One of the bit rates that a program's manual names.

    name         what the program calls it
    bps          payload bits in a second of an endless transmission
    sample_rate  of the sound that it makes [Hz]
    """

    name: str
    bps: float
    sample_rate: int


class Peer(Protocol):
    """A modem program; modes from the fastest to the slowest. Both ways raise RunError."""

    @property
    def name(self) -> str: ...
    @property
    def modes(self) -> Sequence[Mode]: ...

    def send(self, data: bytes, mode: Mode, folder: Path) -> "NDArray[np.float32]": ...

    def receive(self, heard: "NDArray[np.float32]", mode: Mode, folder: Path) -> bytes: ...


@dataclass(frozen=True, slots=True)
class PeerRow:
    """The fastest mode of a program that arrived exact over a channel; mode None where none did.

    air_seconds    from the first to the last sample that is not zero
    """

    peer: str
    mode: Mode | None
    n_bytes: int
    air_seconds: float
    delivered_bps: float


@dataclass(frozen=True, slots=True)
class Amodem:
    """https://github.com/romanz/amodem: OFDM, BPSK to 256-QAM, checksums.

    The bit rate is named by the environment variable BITRATE [kbit/s]; the sample rates are those
    of `amodem/config.py`. Sound is raw 16-bit mono.
    """

    command: tuple[str, ...]
    name: str = "amodem"
    modes: tuple[Mode, ...] = tuple(
        Mode(f"{kbps}", 1000.0 * kbps, rate)
        for rate, ladder in (
            (32000, (80, 72, 64, 54, 48, 42, 36, 28)),
            (16000, (24, 20, 16, 12)),
            (8000, (8, 4, 2, 1)),
        )
        for kbps in ladder
    )

    def send(self, data: bytes, mode: Mode, folder: Path) -> "NDArray[np.float32]":
        import numpy as np

        source, sound = folder / "sent.bin", folder / "sent.raw"
        source.write_bytes(data)
        arguments = (*self.command, "send", "-i", str(source), "-o", str(sound))
        _run(arguments, folder, variables={"BITRATE": mode.name})
        raw = np.frombuffer(_made(sound), "<i2")
        return raw.astype(np.float32) / np.float32(32768)

    def receive(self, heard: "NDArray[np.float32]", mode: Mode, folder: Path) -> bytes:
        import numpy as np

        sound, target = folder / "heard.raw", folder / "received.bin"
        np.clip(np.rint(heard * 32768), -32768, 32767).astype("<i2").tofile(sound)
        arguments = (*self.command, "recv", "-i", str(sound), "-o", str(target))
        _run(arguments, folder, variables={"BITRATE": mode.name})
        return _made(target)


@dataclass(frozen=True, slots=True)
class Minimodem:
    """http://www.whence.com/minimodem: FSK at any baud rate, 8-N-1, without checksums.

    300 baud is Bell 103, all others use Bell 202's style of tones; 12000 is its manual's example
    of a high rate.
    """

    command: tuple[str, ...]
    name: str = "minimodem"
    modes: tuple[Mode, ...] = tuple(
        Mode(f"{baud}", 0.8 * baud, 48000) for baud in (12000, 9600, 4800, 2400, 1200, 600, 300)
    )

    def send(self, data: bytes, mode: Mode, folder: Path) -> "NDArray[np.float32]":
        import numpy as np
        import soundfile

        sound = folder / "sent.wav"
        _run((*self.command, "--tx", "--quiet", "--file", str(sound), mode.name), folder, data)
        samples, rate = soundfile.read(io.BytesIO(_made(sound)), dtype="float32")
        if rate != mode.sample_rate or samples.ndim != 1:
            raise RunError(f"{self.name} made {rate} Hz, {mode.sample_rate} Hz mono expected")
        return np.asarray(samples, np.float32)

    def receive(self, heard: "NDArray[np.float32]", mode: Mode, folder: Path) -> bytes:
        import soundfile

        sound = folder / "heard.wav"
        soundfile.write(sound, heard, mode.sample_rate, subtype="PCM_16")
        return _run((*self.command, "--rx", "--quiet", "--file", str(sound), mode.name), folder)


def find() -> tuple[list[Peer], list[str]]:
    """The programs that work on this machine, and the names of those that are there but do not.

    A program works when a few bytes come through without a channel: amodem 1.16, for example,
    starts but cannot send with numpy 2.3.
    """
    there: list[Peer] = []
    if amodem := shutil.which("amodem"):
        there.append(Amodem((amodem,)))
    elif find_spec("amodem") is not None:
        there.append(Amodem((sys.executable, "-m", "amodem")))
    if minimodem := shutil.which("minimodem"):
        there.append(Minimodem((minimodem,)))
    working = [peer for peer in there if _works(peer)]
    return working, [peer.name for peer in there if peer not in working]


def _works(peer: Peer) -> bool:
    from modem import channel

    data = bytes(range(_CHECK_BYTES))
    nothing = channel.parse("")
    return any(
        _transfer(peer, mode, data, nothing, mode.sample_rate, None)[0]
        for mode in (peer.modes[0], peer.modes[-1])
    )


def measure(peer: Peer, channel: "Channel", profile: "Profile", n_bytes: int) -> PeerRow:
    """The fastest mode that arrives exact, tried from the top.

    channel, profile  sound is given to the channel at the profile's sample rate and level; higher
                      sample rates, which the program chooses for more band, are left out
    n_bytes           random bytes at most; slow modes get what takes some 5 s
    """
    import numpy as np

    data = np.random.default_rng(channel.seed).bytes(n_bytes)
    for mode in peer.modes:
        # Programs without a choice of sample rate make 48 kHz whatever the band they use.
        if mode.sample_rate > max(profile.sample_rate, peer.modes[-1].sample_rate):
            continue
        part = data[: max(round(mode.bps * _AIR_S / 8), 1)]
        exact, air_seconds = _transfer(
            peer, mode, part, channel, profile.sample_rate, profile.level_dbfs
        )
        if exact:
            return PeerRow(peer.name, mode, len(part), air_seconds, 8 * len(part) / air_seconds)
    return PeerRow(peer.name, None, 0, 0.0, 0.0)


def _transfer(
    peer: Peer,
    mode: Mode,
    data: bytes,
    channel: "Channel",
    sample_rate: int,
    level_dbfs: float | None,
) -> tuple[bool, float]:
    """Whether the data arrived exact, and the length of the transmission [s]."""
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="dialtone-") as name:
        folder = Path(name)
        try:
            sent = peer.send(data, mode, folder)
            on = np.flatnonzero(sent)
            if on.size == 0:
                return False, 0.0
            quiet = np.zeros(round(_QUIET_S * mode.sample_rate), np.float32)
            around = np.concatenate((quiet, _levelled(sent, mode, level_dbfs), quiet))
            heard, rate = channel.apply(*_at_rate(around, mode.sample_rate, sample_rate))
            back, _ = _at_rate(heard, rate, mode.sample_rate)
            arrived = peer.receive(back, mode, folder)
        except RunError:
            return False, 0.0
    return data in arrived, float(on[-1] - on[0] + 1) / mode.sample_rate


def _levelled(
    samples: "NDArray[np.float32]", mode: Mode, level_dbfs: float | None
) -> "NDArray[np.float32]":
    """At that rms where the signal is on, but no louder than its peaks allow."""
    import numpy as np

    from modem.channel.signal import Signal, active_power

    if level_dbfs is None:
        return samples
    rms = np.sqrt(active_power(Signal(samples, mode.sample_rate)))
    gain = min(10 ** (level_dbfs / 20) / rms, 1 / float(np.abs(samples).max()))
    return samples * np.float32(gain)


def _at_rate(
    samples: "NDArray[np.float32]", rate: int, wanted: int
) -> tuple["NDArray[np.float32]", int]:
    from modem import channel

    if rate == wanted:
        return samples, rate
    return channel.parse(f"rate={wanted}").apply(samples, rate)


def _run(
    arguments: tuple[str, ...],
    folder: Path,
    given: bytes = b"",
    variables: dict[str, str] | None = None,
) -> bytes:
    """Run a program in the folder; returns its stdout. Raises RunError."""
    try:
        done = subprocess.run(
            arguments,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=os.environ | (variables or {}),
            timeout=TIME_LIMIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RunError(str(error)) from error
    return done.stdout


def _made(path: Path) -> bytes:
    """The file that a program was told to write."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"no {path.name} was made") from error
