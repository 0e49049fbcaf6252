"""The ways on which the demonstration sends its photo, and what became of it on each."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dialtone.analysis import Analysis
    from dialtone.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Way:
    """One way for the photo to go."""

    title: str
    profile: str
    sound: str  # file name of what the receiver hears
    explanation: str


WAYS = (
    Way(
        "A phone call",
        "phone",
        "call.wav",
        "The sound went through a simulated call: only 300 to 3400 Hz pass, the G.711 codec of "
        "the telephone network rounds every sample to 8 bits, noise at −45 dBFS lies over it, "
        "and the receiver's clock runs 80 millionths off the sender's.",
    ),
    Way(
        "An MP3 file",
        "mp3",
        "photo.mp3",
        "The sound was saved as an ordinary MP3 file of 128 kbit/s. MP3 throws away what people "
        "do not hear; the modem puts its signal where it survives that.",
    ),
)


@dataclass(frozen=True, slots=True)
class Passed:
    """What became of the photo on one way. Paths are relative to the demo's folder."""

    way: Way
    analysis: "Analysis"
    verdict: "Verdict"
    picture: Path
    report: Path
    exact: bool
    air_seconds: float
    goodput_bps: float
    speed: str
    protection: str
