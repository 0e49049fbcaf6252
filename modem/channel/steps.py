"""The table of all channel steps and of the named bundles.

A new step is one function `(Signal, Generator, *values) -> Signal` and one line here; the grammar
of the command line, its help and its error messages follow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from modem.channel import avcodecs, clock, codecs, edit, line, network, noise, tape
from modem.channel.signal import Signal
from modem.channel.values import FREQUENCY, TIME, Choice, Nothing, Number, Pair, Several, Value


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of impairment.

    function    does it: (Signal, Generator, *values) -> Signal
    value       reads the text behind `=`
    help        one line for people, with the unit
    example     a valid use
    per_side    two channels of a stereo signal get different random numbers, as noise does;
                otherwise the same, as events in time do
    together    it is given all sides of a stereo signal at once, otherwise one after the other
    """

    function: Callable[..., Signal]
    value: Value
    help: str
    example: str
    per_side: bool = False
    together: bool = False


_LEVEL = Number("a level in dBFS", -200, 20)
_SPAN = Number("a time such as 50ms", 0.0001, 60, TIME)
_PERIOD = Number("a time such as 2s", 0.001, 3600, TIME)
_SECONDS = Number("a number of seconds", 0, 3600, TIME)
_EDGE = Number("a frequency in Hz", 0, 1e6, FREQUENCY)
_MP3_RATES = tuple(float(k) for k in sorted({k for row in codecs.MP3_KBPS.values() for k in row}))


def _spans(meaning: str) -> Pair:
    return Pair(_SPAN, "/", _PERIOD, meaning, rising=True)


steps: Mapping[str, Step] = MappingProxyType(
    {
        "awgn": Step(
            noise.awgn,
            Number("a signal-to-noise ratio in dB", -60, 200),
            "white noise over the full band 0..fs/2, this many dB below the signal's mean power "
            "where it is on (its 20 ms blocks within 20 dB of the loudest)",
            "awgn=30",
            per_side=True,
        ),
        "noise": Step(
            noise.noise,
            _LEVEL,
            "white noise of an absolute level, rms in dBFS",
            "noise=-45",
            per_side=True,
        ),
        "hum": Step(
            noise.hum,
            Number("a level in dBFS", -200, 0, default=-40.0),
            "50 Hz mains hum with harmonics, total rms in dBFS (-40 when not given)",
            "hum=-40",
        ),
        "gain": Step(
            line.gain, Number("a number of dB", -120, 60), "louder or softer, in dB", "gain=-12"
        ),
        "clip": Step(
            line.clip,
            Number("a number of dB", 0, 60),
            "hard clipping this many dB below the highest peak: an overdriven input",
            "clip=3",
        ),
        "invert": Step(line.invert, Nothing(), "polarity reversed", "invert"),
        "band": Step(
            line.band,
            Pair(_EDGE, "-", _EDGE, "two frequencies such as 300-3400", rising=True),
            "steep band pass, both edges in Hz, with a line card's ripple and delay",
            "band=300-3400",
        ),
        "highpass": Step(
            line.highpass,
            Number("a frequency in Hz", 0.01, 1e5, FREQUENCY),
            "first-order high pass, corner in Hz: a sound card's coupling capacitor",
            "highpass=5",
        ),
        "echo": Step(
            line.echo,
            Several(
                Pair(
                    Number("a time such as 4.1ms", 0, 60, TIME),
                    "/",
                    Number("a number of dB", -120, 20),
                    "a delay and a gain in dB such as 4.1ms/-9",
                ),
                "a delay and a gain in dB such as 4.1ms/-9",
            ),
            "later copies, each DELAY/GAIN with the gain in dB, joined by +",
            "echo=4.1ms/-9+11ms/-14",
        ),
        "room": Step(
            line.room,
            Number("a reverberation time such as 300ms", 0.01, 10, TIME),
            "loudspeaker to microphone: direct sound and an equally strong diffuse tail that "
            "decays by 60 dB in this time",
            "room=300ms",
        ),
        "agc": Step(
            line.agc,
            Number("a level in dBFS", -60, 0, default=-18.0),
            "automatic gain towards this rms in dBFS (-18 when not given), 20 dB at most",
            "agc=-18",
        ),
        "skew": Step(
            clock.skew,
            Number("a number of ppm", -100000, 100000),
            "the receiver's clock runs this many ppm fast: so many more samples, tones lower",
            "skew=80",
        ),
        "rate": Step(
            clock.rate,
            Number("a sample rate in Hz", 1000, 768000, FREQUENCY),
            "resampled to this rate in Hz; every other step keeps the rate",
            "rate=44100",
        ),
        "slip": Step(
            clock.slip,
            _spans("a length and a period such as 20ms/10s"),
            "a jitter buffer: LENGTH/PERIOD, in turn removed and repeated",
            "slip=20ms/10s",
        ),
        "dropout": Step(
            network.dropout,
            _spans("a length and a period such as 50ms/2s"),
            "silence for LENGTH once every PERIOD",
            "dropout=50ms/2s",
        ),
        "loss": Step(
            network.loss,
            Number("a percentage", 0, 100),
            "this share of 20 ms voice packets lost at random, concealed by repetition",
            "loss=5%",
        ),
        "g711u": Step(codecs.g711u, Nothing(), "G.711 mu-law telephone codec, 8 kHz", "g711u"),
        "g711a": Step(codecs.g711a, Nothing(), "G.711 A-law telephone codec, 8 kHz", "g711a"),
        "gsm": Step(codecs.gsm, Nothing(), "GSM 06.10 full-rate voice codec, 8 kHz", "gsm"),
        "mp3": Step(
            codecs.mp3,
            Number("a bit rate in kbit/s", choices=_MP3_RATES),
            "MP3 at this constant bit rate in kbit/s, mono",
            "mp3=64",
        ),
        "amr": Step(
            avcodecs.amr,
            Number("a bit rate in kbit/s", choices=avcodecs.AMR_KBPS),
            "AMR voice codec of mobile phones at this bit rate in kbit/s, 8 kHz (needs PyAV)",
            "amr=12.2",
        ),
        "opus": Step(
            avcodecs.opus,
            Number("a bit rate in kbit/s", 6, 510),
            "Opus voice mode at this constant bit rate in kbit/s (needs PyAV)",
            "opus=24",
        ),
        "tape": Step(
            tape.tape,
            Choice(tuple(tape.GRADES), default="typical"),
            "cassette: saturation, hiss, drop-outs, speed error, wow and flutter",
            "tape=poor",
            together=True,
        ),
        "silence": Step(
            edit.silence,
            Pair(_SECONDS, "/", _SECONDS, "a number of seconds", missing=0.0),
            "digital silence in front, or in front and behind as 1.5/0.5, in seconds",
            "silence=1.5",
        ),
        "cut": Step(
            edit.cut,
            Pair(_SECONDS, "/", _SECONDS, "seconds at the start and at the end", missing=0.0),
            "START/END seconds cut off",
            "cut=3/0",
        ),
        "stereo": Step(
            edit.stereo,
            Choice(("left", "right")),
            "two channels with the signal on one side and silence on the other",
            "stereo=right",
            together=True,
        ),
        "crosstalk": Step(
            edit.crosstalk,
            Number("a number of dB, at most 0", -200, 0),
            "each side of a stereo signal gets the other one's signal too, at this many dB",
            "crosstalk=-40",
            together=True,
        ),
    }
)

bundles: Mapping[str, str] = MappingProxyType(
    {
        "cable": "gain=-3,skew=80,highpass=5,awgn=40",
        "phone": "skew=80,band=300-3400,noise=-45,g711u",
        "voip": "skew=80,band=300-3400,noise=-45,g711u,loss=1%,slip=20ms/10s",
        "mobile": "skew=80,band=300-3400,noise=-55,gsm",
        "mp3": "mp3=128",
        "tape": "tape=typical",
        "air": "room=300ms,band=100-18000,skew=80,awgn=20",
    }
)
