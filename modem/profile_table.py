"""The profiles; a table.

The speeds of a profile are numbered from 1, the slowest and most robust. Those of one band are 1 to
2 dB apart in the signal-to-noise ratio that they need; those of mp3 differ in the band as well.
"""

from __future__ import annotations

from dataclasses import replace

from modem.ladder import Form, Rung, ladder, nearest, speeds
from modem.profile import Profile
from modem.sync.preamble import Preamble
from modem.waveforms.ofdm import Numerology

# Pilots P carriers apart do not see a shift by a multiple of fft_size / P samples, so that no
# multiple of it may be near a voice packet of 20 ms.
_PHONE = Numerology(8000, 1024, 32, 300.0, 3400.0, 28)
_MP3 = Numerology(48000, 4096, 32, 100.0, 20000.0, 54)
_AIR = Numerology(48000, 16384, 2048, 250.0, 18000.0, 32)

_PHONE_PREAMBLE = Preamble(1, 0.064, 0.15)
_ROBUST_PREAMBLE = Preamble(-1, 0.128, 0.08)
_MP3_PREAMBLE = Preamble(1, 0.032, 0.3)
_CABLE_PREAMBLE = Preamble(-1, 0.032, 0.3)
# Reverberation leaves the direct path only a small share of the energy.
_AIR_PREAMBLE = Preamble(1, 0.128, 0.1)

# For signals below the noise: long superframes, as what finds and describes them takes long too;
# short blocks, as messages there are short.
_ROBUST = Form(
    32, sync_repeats=6, preamble=_ROBUST_PREAMBLE, longest_k=1056, fewest_blocks=2, extra_db=0.8
)
_ROBUST_RUNGS = (Rung(-9.0, 3400.0), Rung(-6.0, 3400.0))

_PHONE_SPEEDS = speeds(
    _PHONE,
    _PHONE_PREAMBLE,
    (
        (_ROBUST, _ROBUST_RUNGS),
        (Form(20), ladder(3400.0, -3.0, 5.0, 2.0) + ladder(3400.0, 6.0, 40.0)),
        # For echoes of up to 25 ms, as of far hybrids on long lines.
        (Form(17, prefix=200, extra_db=0.4), ladder(3400.0, 3.5, 29.5, 2.0)),
    ),
)
# Encoders cut off the top of the band, the more so the lower their bit rate.
_MP3_SPEEDS = speeds(
    _MP3,
    _MP3_PREAMBLE,
    (
        (
            Form(38),
            ladder(5000.0, 0.0, 4.0, 2.0)
            + ladder(5000.0, 5.0, 9.0, 0.5)
            + ladder(12500.0, 3.0, 5.0)
            + ladder(12500.0, 5.75, 7.25, 0.5)
            + ladder(16000.0, 7.0, 13.0, 1.5)
            + ladder(20000.0, 8.0, 14.0, 0.5)
            + ladder(20000.0, 15.0, 38.0),
        ),
    ),
)
_AIR_SPEEDS = speeds(_AIR, _AIR_PREAMBLE, ((Form(10, extra_db=0.7), ladder(18000.0, -3.0, 24.0)),))


def _cable(sample_rate: int, lanes: int) -> Profile:
    """The cable at a sample rate, on one side or on both. Up to 22.7 kHz all have the same
    carriers, so that a single detector and header reader serve them."""
    scale = sample_rate // 48000
    top_hz = {1: 22700.0, 2: 45600.0, 4: 91500.0}[scale]
    numerology = Numerology(sample_rate, 2048 * scale, 32 * scale, 200.0, top_hz, 84, 22700.0)
    plain = (scale, lanes) == (1, 1)
    if plain:
        rungs = ladder(top_hz, 0.0, 8.0, 2.0) + ladder(top_hz, 9.0, 57.0)
    else:
        rungs = ladder(top_hz, 3.0, 30.0, 1.5) + ladder(top_hz, 31.0, 57.0)
    symbols = 32 if scale * lanes == 8 else 44
    steps = speeds(numerology, _CABLE_PREAMBLE, ((Form(symbols), rungs),), lanes)
    side = (
        "both sides of a stereo cable"
        if lanes == 2
        else "sound card to sound card over an audio cable"
    )
    return Profile(
        name=("stereo" if lanes == 2 else "cable")
        + (f"{sample_rate // 1000}" if scale > 1 else ""),
        description=side + (f" at {sample_rate // 1000} kHz" if scale > 1 else ""),
        numerology=numerology,
        preamble=_CABLE_PREAMBLE,
        level_dbfs=-13.0,
        lead_in_s=0.1,
        speeds=steps,
        default_speed=nearest(steps, 23.0, numerology.prefix, top_hz),
        lanes=lanes,
        variant=(0, 1, 2)[scale // 2] + 3 * (lanes - 1),
    )


_PHONE_PROFILE = Profile(
    name="phone",
    description="analogue or VoIP telephone line, G.711, 300-3400 Hz",
    numerology=_PHONE,
    preamble=_PHONE_PREAMBLE,
    level_dbfs=-12.0,
    lead_in_s=0.3,
    speeds=_PHONE_SPEEDS,
    default_speed=nearest(_PHONE_SPEEDS, 23.0, _PHONE.prefix, 3400.0),
)
_PHONE_ROBUST = replace(
    _PHONE_PROFILE, preamble=_ROBUST_PREAMBLE, sync_repeats=_ROBUST.sync_repeats
)

profiles: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        replace(_PHONE_PROFILE, robust=_PHONE_ROBUST, robust_speeds=len(_ROBUST_RUNGS)),
        Profile(
            name="mp3",
            description="MP3 file or stream of 32 to 320 kbit/s",
            numerology=_MP3,
            preamble=_MP3_PREAMBLE,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            speeds=_MP3_SPEEDS,
            default_speed=nearest(_MP3_SPEEDS, 8.5, _MP3.prefix, 16000.0),
        ),
        *(_cable(rate, lanes) for lanes in (1, 2) for rate in (48000, 96000, 192000)),
        Profile(
            name="air",
            description="loudspeaker to microphone in a room",
            numerology=_AIR,
            preamble=_AIR_PREAMBLE,
            level_dbfs=-13.0,
            lead_in_s=0.1,
            speeds=_AIR_SPEEDS,
            default_speed=nearest(_AIR_SPEEDS, 4.5, _AIR.prefix, 18000.0),
            reverberant=True,
        ),
    )
}
