"""Waveforms, synchronisation and forward error correction: packets to samples and back.

    tx = modem.Transmitter(modem.profiles["phone"])
    samples = np.concatenate((tx.process(packets), tx.flush()))
    rx = modem.Receiver(sample_rate=8000)
    for event in rx.process(samples) + rx.flush(): ...

Names are imported when first used, as the kernels behind them take a moment to load.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modem.errors import ConfigError, ModemError
    from modem.events import Acquired, BlockLost, Ended, Event, FrameStats, Lost, Packet
    from modem.observation import Observation
    from modem.profile import Profile, Speed
    from modem.profile_table import profiles
    from modem.receiver import Receiver
    from modem.transmitter import Transmitter

_HOMES = {
    "ConfigError": "errors",
    "ModemError": "errors",
    "Acquired": "events",
    "BlockLost": "events",
    "Ended": "events",
    "Event": "events",
    "FrameStats": "events",
    "Lost": "events",
    "Packet": "events",
    "Profile": "profile",
    "Speed": "profile",
    "profiles": "profile_table",
    "Observation": "observation",
    "Receiver": "receiver",
    "Transmitter": "transmitter",
}

__all__ = [
    "Acquired",
    "BlockLost",
    "ConfigError",
    "Ended",
    "Event",
    "FrameStats",
    "Lost",
    "ModemError",
    "Observation",
    "Packet",
    "Profile",
    "Receiver",
    "Speed",
    "Transmitter",
    "profiles",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'modem' has no attribute {name!r}")
    return getattr(import_module(f"modem.{_HOMES[name]}"), name)
