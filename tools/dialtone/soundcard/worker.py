"""The sound process: PortAudio on one side, two pipes on the other, as `protocol` says.

It is a process of its own because a sound server that dies may hang PortAudio for ever, because
devices are numbered when PortAudio starts and never again, and because callbacks must not wait for
a program that computes. It ends when the program closes its pipe, and is killed at any moment.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from dialtone.soundcard import protocol
from dialtone.soundcard.fifo import Fifo
from dialtone.soundcard.protocol import message, note

if TYPE_CHECKING:
    import sounddevice

USUAL_RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
_RATE = 48000  # preferred: cards with one clock have it, and sound servers run at it
# Sound in the device's buffers: a busy machine may leave the callback waiting for most of it, and
# what is played is heard so much later. PipeWire moves a quarter of it at a time, in powers of two
# up to 2048 frames, which it does from here on; half of them make four times as many gaps.
_PLAYED_S = 0.2
_HEARD_S = 0.5
_LATENCY = "DIALTONE_LATENCY"  # takes the place of both [s]
_LATENCIES_S = (0.01, 5.0)
_HELD_S = 60.0  # sound that waits for a program that is busy, or asks for a passphrase,
_HELD_BYTES = 24 << 20  # at most
_BEGIN_S = 0.1  # sound that is there before playing begins
_SILENCE_S = 0.1  # behind the last sample, for what buffers beyond PortAudio's
_MISSING = "PortAudio is not installed"
_MISSING_HINT = "install it: sudo apt install libportaudio2"


def main() -> None:
    """Serve the program on stdin and stdout, then leave without tidying: that may hang."""
    try:
        _serve()
    except BrokenPipeError:
        pass
    finally:
        os._exit(0)


def _serve() -> None:
    try:
        import sounddevice
    except OSError:  # what sounddevice says where it finds no library
        _say(note(protocol.FAILED, error=_MISSING, hint=_MISSING_HINT))
        return
    try:
        _asked_latency()
    except ValueError:
        least, most = _LATENCIES_S
        error = f"{_LATENCY} is not a number of seconds, {least} to {most:g}"
        _say(note(protocol.FAILED, error=error, hint="as in DIALTONE_LATENCY=0.5, or leave it out"))
        return
    try:
        _say(note(protocol.DEVICES, devices=list(_devices(sounddevice))))
        requests = protocol.Messages()
        while True:
            for kind, content in requests.process(_heard()):
                if kind == protocol.RATES:
                    rows = list(_devices(sounddevice, with_rates=True))
                    _say(note(protocol.DEVICES, devices=rows))
                elif kind == protocol.OPEN:
                    asked = protocol.fields(content)
                    (_play if asked["playing"] else _capture)(sounddevice, requests, **asked)
                    return
    except sounddevice.PortAudioError as error:
        _say(note(protocol.FAILED, error=_words(error), hint=""))


def _words(error: Exception) -> str:
    """What PortAudio says, without what only its programmers understand."""
    # "Error opening RawInputStream: Invalid sample rate [PaErrorCode -9997]" comes in parts, some
    # of them numbers.
    words = ": ".join(part for part in error.args if isinstance(part, str))
    words = re.sub(r"Error \w+ \w+: | \[PaErrorCode -?\d+\]", "", words) or "unknown fault"
    return words[:1].lower() + words[1:]


def _devices(card: Any, with_rates: bool = False) -> Iterator[dict[str, object]]:
    hosts = card.query_hostapis()
    inputs, outputs = card.default.device
    for number, device in enumerate(card.query_devices()):
        host = hosts[device["hostapi"]]["name"]
        takes = [rate for rate in USUAL_RATES if with_rates and _takes(card, number, device, rate)]
        rate = round(device["default_samplerate"])
        # PortAudio tries 44100 Hz first with ALSA, and calls what works the default.
        if host == "ALSA" and rate != _RATE and _takes(card, number, device, _RATE):
            rate = _RATE
        yield {
            "number": number,
            "name": device["name"],
            "host": host,
            "inputs": device["max_input_channels"],
            "outputs": device["max_output_channels"],
            "rate": rate,
            "default_input": number == inputs,
            "default_output": number == outputs,
            "rates": takes,
        }


def _takes(card: Any, number: int, device: dict[str, Any], rate: int) -> bool:
    """Whether a device runs at a rate: on its playing side, or on the other where it has none."""
    playing = device["max_output_channels"] > 0
    check = card.check_output_settings if playing else card.check_input_settings
    side = "max_output_channels" if playing else "max_input_channels"
    try:
        check(device=number, samplerate=rate, channels=min(device[side], 2), dtype="float32")
    except card.PortAudioError:
        return False
    return True


def _asked_latency() -> float | None:
    """What the environment asks for [s], if anything. Raises ValueError where it is no number."""
    asked = os.environ.get(_LATENCY)
    if not asked:
        return None
    latency = float(asked)
    least, most = _LATENCIES_S
    if not least <= latency <= most:
        raise ValueError(asked)
    return latency


def _opened(
    card: Any,
    stream: Any,
    number: int,
    rates: list[int],
    channels: int,
    latency_s: float,
    callback: Callable[[Any, int, Any, Any], None],
) -> "sounddevice._StreamBase":
    """A stream at the first of the rates that the device takes."""
    latency_s = _asked_latency() or latency_s
    for place, rate in enumerate(rates):
        try:
            opened: sounddevice._StreamBase = stream(
                samplerate=rate,
                device=number,
                channels=channels,
                dtype="float32",
                latency=latency_s,
                callback=callback,
            )
        except card.PortAudioError:
            if place == len(rates) - 1:
                raise
        else:
            facts = {"rate": round(opened.samplerate), "channels": channels}
            _say(note(protocol.OPENED, **facts, latency_s=opened.latency))
            return opened
    raise ValueError("no rates to try")


def _capture(
    card: Any,
    requests: protocol.Messages,
    playing: bool,
    number: int,
    rates: list[int],
    channels: int,
) -> None:
    """Pass on what is heard, for ever."""
    frame = protocol.SAMPLE_BYTES * channels
    fifo = Fifo(min(round(_HELD_S * max(rates)) * frame, _HELD_BYTES))
    overruns = 0

    def move(data: Any, frames: int, moment: Any, status: Any) -> None:
        nonlocal overruns
        if status.input_overflow:
            overruns += 1
        if not fifo.write(data):
            overruns += 1

    stream = _opened(card, card.RawInputStream, number, rates, channels, _HEARD_S, move)
    threading.Thread(target=_leave_with_the_program, daemon=True).start()
    stream.start()
    while stream.active:
        time.sleep(protocol.PERIOD_S)
        while fifo:
            data = fifo.take(round(protocol.PERIOD_S * max(rates)) * frame * 4)
            _say(message(protocol.SOUND, protocol.COUNTED.pack(overruns) + data))
    _say(note(protocol.FAILED, error="the device stopped", hint=""))


def _play(
    card: Any,
    requests: protocol.Messages,
    playing: bool,
    number: int,
    rates: list[int],
    channels: int,
) -> None:
    """Play what comes, until the program says that there is no more."""
    frame = protocol.SAMPLE_BYTES * channels
    fifo = Fifo(min(round(_HELD_S * max(rates)) * frame, _HELD_BYTES))
    calls = taken = quiet = underruns = 0
    starved = False
    ending = threading.Event()
    enough = threading.Event()

    def move(data: Any, frames: int, moment: Any, status: Any) -> None:
        nonlocal calls, taken, quiet, underruns, starved
        calls += 1
        if not enough.is_set():
            data[:] = bytes(len(data))
            return
        last = ending.is_set()  # asked before the fifo is: what was written before it is there
        count = fifo.read_into(data)
        if count < len(data):
            data[count:] = bytes(len(data) - count)
            if last:
                quiet += frames - count // frame
        short = count < len(data) and not last
        if (short and not starved) or status.output_underflow:
            underruns += 1
        starved = short
        taken += count // frame

    stream = _opened(card, card.RawOutputStream, number, rates, channels, _PLAYED_S, move)
    begin = round(_BEGIN_S * stream.samplerate) * frame
    threading.Thread(
        target=_take_sound, args=(requests, fifo, begin, ending, enough), daemon=True
    ).start()
    stream.start()  # silence until there is enough: it takes its time
    late = round(stream.latency * stream.samplerate)
    rest = late + round(_SILENCE_S * stream.samplerate)
    while True:
        over = ending.is_set() and not fifo and quiet >= rest
        heard = taken if over else max(taken - late, 0)
        state = (calls, taken, heard, underruns)
        _say(message(protocol.PLAYED, protocol.PLAYED_FIELDS.pack(*state)))
        if over:
            _say(message(protocol.DRAINED))
            return
        if calls and not stream.active:
            _say(note(protocol.FAILED, error="the device stopped", hint=""))
            return
        time.sleep(protocol.PERIOD_S)


def _take_sound(
    requests: protocol.Messages,
    fifo: Fifo,
    begin: int,
    ending: threading.Event,
    enough: threading.Event,
) -> None:
    """Put what comes from the program into the fifo, which the program never overfills."""
    arrived = b""
    while True:
        for kind, content in requests.process(arrived):
            if kind == protocol.SOUND:
                fifo.write(content)
            elif kind == protocol.DRAIN:
                ending.set()
            if len(fifo) >= begin or ending.is_set():
                enough.set()
        arrived = _heard()


def _leave_with_the_program() -> None:
    while True:
        _heard()


def _heard() -> bytes:
    """Bytes from the program; without one this process has nothing left to do."""
    data = os.read(0, 1 << 16)
    if not data:
        os._exit(0)
    return data


def _say(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    main()
