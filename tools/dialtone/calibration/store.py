"""What was measured of a sound device, kept as its defaults."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from dialtone import keystore
from dialtone.whole import write_private


@dataclass(frozen=True, slots=True)
class Defaults:
    """profile and speed that fit; level_dbfs is what to play at [dB], 0 for full scale peaks."""

    profile: str
    speed: int
    level_dbfs: float


def load(name: str) -> Defaults | None:
    """The defaults of a device; None where it was not measured, or the file is damaged."""
    try:
        kept = json.loads(_place(name).read_text())
        return Defaults(str(kept["profile"]), int(kept["speed"]), float(kept["level_dbfs"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(name: str, defaults: Defaults, measured: dict[str, object]) -> Path:
    """Keep the defaults of a device, and beside them what they come from; returns the file."""
    place = _place(name)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = {"device": name} | asdict(defaults) | {"measured": measured}
    place.unlink(missing_ok=True)
    write_private(place, json.dumps(content, indent=1).encode() + b"\n")
    return place


def _place(name: str) -> Path:
    slug = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "device"
    return keystore.home() / "devices" / f"{slug}.json"
