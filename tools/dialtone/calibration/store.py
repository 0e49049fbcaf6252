"""What calibrations have found: a file for each device, for its owner alone, beside the keys.

`send --device` takes profile, speed and level from it where the command line leaves them open.
"""

import hashlib
import json
import math
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialtone.keystore import home
from dialtone.whole import replace_private

_FOLDER = "devices"
_LARGEST = 1 << 16  # a file that is longer is none of these
_PRIVATE_FOLDER = 0o700
_SLUG_MAX = 48


@dataclass(frozen=True, slots=True)
class Defaults:
    """What to send with through a device.

    speed       1-based number in the profile
    level_dbfs  gain for playing, at most 0, which is a peak at full scale
    """

    profile: str
    speed: int
    level_dbfs: float


def path_of(name: str) -> Path:
    """The file of a device. Names that differ have files that differ."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG_MAX]
    mark = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return home() / _FOLDER / f"{slug or 'device'}-{mark}.json"


def load(name: str) -> Defaults | None:
    """What was saved for a device; None where nothing was, or nothing that can be used now."""
    import modem

    try:
        path = path_of(name)
        if path.stat().st_size > _LARGEST:
            return None
        said: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("device") != name:
        return None
    profile, speed, level = said.get("profile"), said.get("speed"), said.get("level_dbfs")
    if not isinstance(profile, str) or profile not in modem.profiles:
        return None
    speeds = modem.profiles[profile].speeds
    if type(speed) is not int or not 1 <= speed <= len(speeds):
        return None
    # Another version may number its speeds otherwise.
    if said.get("net_bps") != speeds[speed - 1].net_bps:
        return None
    if not isinstance(level, int | float) or not math.isfinite(level) or level > 0:
        return None
    return Defaults(profile, speed, float(level))


def save(name: str, defaults: Defaults, measured: dict[str, object]) -> Path:
    """Save it in place of what was saved before; returns the file. Raises OSError.

    measured  what the calibration found, for people and later programs to read
    """
    import modem

    path = path_of(name)
    home().parent.mkdir(parents=True, exist_ok=True)
    for folder in (home(), path.parent):
        folder.mkdir(exist_ok=True, mode=_PRIVATE_FOLDER)
    said = {
        "device": name,
        "profile": defaults.profile,
        "speed": defaults.speed,
        "net_bps": modem.profiles[defaults.profile].speeds[defaults.speed - 1].net_bps,
        "level_dbfs": defaults.level_dbfs,
        "saved_at": int(time.time()),
        "measured": measured,
    }
    replace_private(path, (json.dumps(said, indent=1) + "\n").encode())
    return path
