"""Real audio codecs: encoded and decoded again by libsndfile (G.711, GSM 06.10, LAME).

Every codec gives back the sample rate that it was given. The voice codecs run at 8 kHz; a signal
at another rate is resampled on the way in and on the way out.
"""

import io
from typing import IO

import numpy as np
from numpy.typing import NDArray

from modem.channel.clock import at_rate
from modem.channel.signal import ChannelError, Samples, Signal

VOICE_RATE = 8000
_BLOCK = 1 << 16

# Layer III sample rates, and the constant bit rates [kbit/s] that LAME makes at each: MPEG-1,
# MPEG-2, and the 2.5 extension (ISO/IEC 11172-3 and 13818-3). libsndfile maps its compression
# level linearly onto the first to the last rate of the row.
_MPEG1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG25 = (8, 16, 24, 32, 40, 48, 56, 64)
MP3_KBPS = {
    **dict.fromkeys((48000, 44100, 32000), _MPEG1),
    **dict.fromkeys((24000, 22050, 16000), _MPEG2),
    **dict.fromkeys((12000, 11025, 8000), _MPEG25),
}


def g711u(signal: Signal, _rng: np.random.Generator) -> Signal:
    """ITU-T G.711 mu-law at 8 kHz."""
    return _voice(signal, "WAV", "ULAW")


def g711a(signal: Signal, _rng: np.random.Generator) -> Signal:
    """ITU-T G.711 A-law at 8 kHz."""
    return _voice(signal, "WAV", "ALAW")


def gsm(signal: Signal, _rng: np.random.Generator) -> Signal:
    """GSM 06.10 full rate, 13 kbit/s at 8 kHz."""
    return _voice(signal, "WAV", "GSM610")


def mp3(signal: Signal, _rng: np.random.Generator, kbps: float) -> Signal:
    """MP3 by LAME at a constant bit rate, mono, with the alignment and length that it decodes to.

    The samples stay aligned but where a frame is too small for LAME's tag, which states its delay
    (below 64 kbit/s at 48 kHz): there the signal comes 1105 samples late and the file is longer.
    The file has the signal's sample rate when MP3 has that rate at `kbps`, otherwise 48 kHz (or
    16 kHz below 32 kbit/s), and the signal is resampled to it and back.
    """
    if signal.samples.size == 0:
        return signal
    wanted = round(kbps)
    coded_rate = signal.sample_rate
    if wanted not in MP3_KBPS.get(coded_rate, ()):
        coded_rate = 48000 if wanted in _MPEG1 else 16000
    decoded = _decoded(encode_mp3(at_rate(signal, coded_rate), wanted))
    return at_rate(Signal(decoded, coded_rate), signal.sample_rate)


def encode_mp3(signal: Signal, kbps: int) -> IO[bytes]:
    """An MP3 file of exactly this constant bit rate; raises ChannelError where there is none."""
    level = mp3_compression_level(signal.sample_rate, kbps)
    return _encoded(signal, "MP3", "MPEG_LAYER_III", level)


def mp3_compression_level(sample_rate: int, kbps: int) -> float:
    """What libsndfile must be told for a constant bit rate of exactly kbps.

    Raises ChannelError when MP3 has no such bit rate at this sample rate.
    """
    rates = MP3_KBPS.get(sample_rate, ())
    if kbps not in rates:
        raise ChannelError(f"no MP3 of {kbps} kbit/s at {sample_rate} Hz")
    # A little above the nominal rate: the mapping truncates, and level 1.0 itself is refused.
    return max(0.0, (rates[-1] - kbps - 0.25) / (rates[-1] - rates[0]))


def _voice(signal: Signal, container: str, subtype: str) -> Signal:
    if signal.samples.size == 0:
        return signal
    line = at_rate(signal, VOICE_RATE)
    decoded = _decoded(_encoded(line, container, subtype, None))[: line.samples.size]
    back = at_rate(Signal(decoded, VOICE_RATE), signal.sample_rate)
    return back.holding(back.samples[: signal.samples.size])


def _encoded(signal: Signal, container: str, subtype: str, level: float | None) -> IO[bytes]:
    import soundfile

    data = io.BytesIO()
    with soundfile.SoundFile(
        data,
        "w",
        samplerate=signal.sample_rate,
        channels=1,
        format=container,
        subtype=subtype,
        compression_level=level,
        bitrate_mode=None if level is None else "CONSTANT",
    ) as file:
        for start in range(0, signal.samples.size, _BLOCK):
            part = signal.samples[start : start + _BLOCK]
            file.write(part if container == "MP3" else converted(part))
    data.seek(0)
    return data


def converted(samples: Samples) -> NDArray[np.int16]:
    """The 16-bit converter in front of a voice codec, which overloads at full scale.

    libsndfile's own path from float to G.711 rounds to the table's input steps, which moves the
    decision values of A-law by half a step; from 16-bit integers they are ITU's.
    """
    return np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype(np.int16)


def _decoded(data: IO[bytes]) -> Samples:
    import soundfile

    with soundfile.SoundFile(data) as file:
        parts = [file.read(_BLOCK, dtype="float32")]
        while parts[-1].size:
            parts.append(file.read(_BLOCK, dtype="float32"))
    return np.concatenate(parts)
