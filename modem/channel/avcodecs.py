"""Voice codecs that libsndfile lacks, through PyAV (FFmpeg): AMR and Opus.

PyAV is an optional part; without it these steps say how to install it.
"""

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modem.channel.clock import at_rate
from modem.channel.codecs import VOICE_RATE, converted
from modem.channel.signal import ChannelError, Samples, Signal

AMR_KBPS = (4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2, 12.2)
_OPUS_RATE = 48000
_FRAME_S = 0.02


def amr(signal: Signal, _rng: np.random.Generator, kbps: float) -> Signal:
    """AMR narrow band (3GPP TS 26.071) at 8 kHz, without DTX, by OpenCORE."""
    codec = "libopencore_amrnb"
    return _through(signal, VOICE_RATE, codec, codec, round(kbps * 1000), {"dtx": "0"})


def opus(signal: Signal, _rng: np.random.Generator, kbps: float) -> Signal:
    """Opus at 48 kHz as in a call: voice mode, constant bit rate, frames of 20 ms, by libopus."""
    options = {"application": "voip", "vbr": "off", "frame_duration": "20"}
    return _through(signal, _OPUS_RATE, "libopus", "libopus", round(kbps * 1000), options)


def _through(
    signal: Signal, rate: int, encoder: str, decoder: str, bit_rate: int, options: dict[str, str]
) -> Signal:
    """Encoded and decoded in 20 ms frames, delay and padding as they come, back at its own rate."""
    if importlib.util.find_spec("av") is None:
        raise ChannelError("it needs the PyAV package: pip install av")
    if signal.samples.size == 0:
        return signal
    packets = encode(at_rate(signal, rate), encoder, bit_rate, options)
    decoded = _decode(packets, decoder, rate)
    return at_rate(Signal(decoded, rate), signal.sample_rate)


def encode(signal: Signal, encoder: str, bit_rate: int, options: dict[str, str]) -> Iterator[Any]:
    """The codec's packets for the whole signal, the last frame filled up with silence."""
    av = importlib.import_module("av")
    context = av.CodecContext.create(encoder, "w")
    context.sample_rate = signal.sample_rate
    context.format = "s16"
    context.layout = "mono"
    context.bit_rate = bit_rate
    context.options = options
    context.open()
    size = round(_FRAME_S * signal.sample_rate)
    for start in range(0, signal.samples.size, size):
        block = np.zeros((1, size), np.int16)
        part = converted(signal.samples[start : start + size])
        block[0, : part.size] = part
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate = signal.sample_rate
        frame.pts = start
        yield from context.encode(frame)
    yield from context.encode(None)


def _decode(packets: Iterator[Any], decoder: str, rate: int) -> Samples:
    av = importlib.import_module("av")
    context = av.CodecContext.create(decoder, "r")
    context.sample_rate = rate
    context.layout = "mono"
    parts = [np.zeros(0, np.float32)]
    for packet in packets:
        parts.extend(_floats(frame.to_ndarray()) for frame in context.decode(packet))
    parts.extend(_floats(frame.to_ndarray()) for frame in context.decode(None))
    return np.concatenate(parts)


def _floats(block: NDArray[Any]) -> Samples:
    """One mono frame as float32, full scale 1."""
    samples = block.reshape(-1)
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(32768)
    return samples.astype(np.float32)
