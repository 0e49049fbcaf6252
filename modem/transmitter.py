"""The transmitter: packets of equal length in, samples out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modem.errors import ConfigError
from modem.header import BurstHeader
from modem.profile import Profile
from modem.superframe import LANE_TURNS, layout, payload_symbols

_TAIL_S = 0.05  # silence after the last symbol, so that no filter or codec cuts it short


class Transmitter:
    """Stage: packets to float32 samples in [-1, 1] at the profile's rate, (n,) or, for a profile of
    several lanes, (n, lanes).

    A superframe is sent when it is full and a further packet shows that it is not the last, so
    the samples do not depend on how the packets were cut into calls.
    """

    def __init__(self, profile: Profile, speed: int | None = None) -> None:
        self.profile = profile
        self.speed = profile.speed(speed)
        self._waiting: list[bytes] = []
        self._sent = 0  # superframes of this transmission
        self._mode = profile.mode(self.speed)
        preamble = self._mode.preamble.waveform(profile.sample_rate)
        self._preamble = preamble.astype(np.float32)

    @property
    def packet_bytes(self) -> int:
        """Length of every packet."""
        return self.speed.packet_bytes

    def process(self, packets: Sequence[bytes]) -> NDArray[np.float32]:
        """Samples of the superframes that these packets complete, perhaps none.

        Raises ConfigError, before anything is taken, for a packet of another length.
        """
        for packet in packets:
            if len(packet) != self.packet_bytes:
                raise ConfigError(f"packets must have {self.packet_bytes} bytes, got {len(packet)}")
        self._waiting.extend(packets)
        size = self.speed.blocks
        parts = []
        while len(self._waiting) > size:
            parts.append(self._superframe(self._waiting[:size], last=False))
            del self._waiting[:size]
        return np.concatenate(parts) if parts else self._silence(0)

    def flush(self) -> NDArray[np.float32]:
        """Samples of what is left; ends the transmission. A new one may follow."""
        if not self._waiting:
            return self._silence(0)
        tail = self._silence(round(_TAIL_S * self.profile.sample_rate))
        samples = np.concatenate((self._superframe(self._waiting, last=True), tail))
        self._waiting = []
        self._sent = 0
        return samples

    def air_seconds(self, packets: int) -> float:
        """Length of a transmission of so many packets, lead-in and tail counted [s]; exact.

        Raises ConfigError for less than none.
        """
        if packets < 0:
            raise ConfigError(f"packets must be at least 0, got {packets}")
        if packets == 0:
            return 0.0
        full = (packets - 1) // self.speed.blocks
        rest = packets - full * self.speed.blocks
        samples = self._superframe_samples(rest)
        if full:
            samples += full * self._superframe_samples(self.speed.blocks)
        rate = self.profile.sample_rate
        return (samples + round(self.profile.lead_in_s * rate) + round(_TAIL_S * rate)) / rate

    def _superframe_samples(self, packets: int) -> int:
        """Length of a superframe of so many packets [samples]."""
        symbols = payload_symbols(self.profile, self.speed, packets)
        return self._mode.superframe_samples(symbols, self.speed.prefix)

    def _superframe(self, packets: list[bytes], *, last: bool) -> NDArray[np.float32]:
        profile = self._mode
        plan = layout(profile, self.speed, len(packets))
        number = self._sent % 65536
        header = BurstHeader(self.speed.number, len(packets), last, number, profile.variant)
        sync = all_sync_cells(profile, header)
        cells = np.split(plan.encode(packets), profile.lanes, axis=1)
        lanes = [self._lane(lane, sync, payload) for lane, payload in enumerate(cells)]
        self._sent += 1
        samples = np.stack(lanes, axis=1) if len(lanes) > 1 else lanes[0]
        samples *= np.float32(10 ** (profile.level_dbfs / 20))
        return np.clip(samples, -1, 1, out=samples)

    def _lane(
        self, lane: int, sync: NDArray[np.complex64], payload: NDArray[np.complex64]
    ) -> NDArray[np.float32]:
        """A superframe of one lane, of rms 1."""
        profile, waveform = self._mode, self.profile.numerology
        turn = np.complex64(LANE_TURNS[lane])
        parts = [
            self._preamble,
            waveform.modulate(sync[:1] * turn, 2 * waveform.prefix),
            waveform.modulate(sync[1:] * turn, waveform.prefix),
            waveform.modulate(payload, self.speed.prefix),
        ]
        if profile.lanes > 1:
            closing = closing_cells(profile, lane)
            parts.append(waveform.modulate(closing[None], self.speed.prefix))
        if self._sent == 0:
            parts.insert(0, self._lead_in())
        return np.concatenate(parts)

    def _silence(self, samples: int) -> NDArray[np.float32]:
        lanes = self.profile.lanes
        return np.zeros((samples, lanes) if lanes > 1 else samples, np.float32)

    def _lead_in(self) -> NDArray[np.float32]:
        """Sync symbols of no meaning, faded in: what level controls and voice detectors need."""
        profile, waveform = self.profile, self.profile.numerology
        count = round(profile.lead_in_s * profile.sample_rate)
        symbol = waveform.modulate(waveform.reference[None], 0)
        samples = np.resize(symbol, count)
        rise = min(count, profile.sample_rate // 50)
        samples[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
        return samples


def sync_cells(profile: Profile, header: BurstHeader) -> NDArray[np.complex64]:
    """(carriers,) cells of the last sync symbol: training and header."""
    return np.asarray(all_sync_cells(profile, header)[-1])


def closing_cells(profile: Profile, lane: int) -> NDArray[np.complex64]:
    """(carriers,) cells of the symbol that closes a superframe of two lanes: training, in the
    second lane with the opposite sign of what its sync symbol and pilots are turned by."""
    sign = 1 if lane == 0 else -1
    return np.asarray(profile.numerology.reference * (sign * LANE_TURNS[lane]), np.complex64)


def header_indices(profile: Profile) -> list[NDArray[np.int64]]:
    """For each sync symbol the carriers that hold the header. Header and training change places
    from one to the next, so that both see every carrier; the last is as if it were the only one."""
    waveform = profile.numerology
    kinds = (waveform.header_index, waveform.training_index)
    return [kinds[later % 2] for later in range(profile.sync_repeats - 1, -1, -1)]


def all_sync_cells(profile: Profile, header: BurstHeader) -> NDArray[np.complex64]:
    """(sync_repeats, carriers) cells of the sync symbols."""
    places = header_indices(profile)
    cells = np.repeat(profile.numerology.reference[None], len(places), axis=0)
    ends = np.cumsum([place.size for place in places])
    # The header repeats over the carriers; without the turn by the reference it would be a pulse.
    parts = np.split(header.cells(int(ends[-1])), ends[:-1])
    for row, place, part in zip(cells, places, parts, strict=True):
        row[place] *= part
    return cells
