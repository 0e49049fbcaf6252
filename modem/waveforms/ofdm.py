"""OFDM with a cyclic prefix: cells on a grid of symbols and carriers to real samples and back.

A superframe is a preamble, one sync symbol and a number of payload symbols. The sync symbol
carries the burst header on every second carrier of the header's band and known training on all
others; payload symbols carry pilots whose carriers move from symbol to symbol so that over a
superframe they sound out the whole band.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modem.errors import ConfigError


@dataclass(frozen=True)
class Numerology:
    """Dimensions of the waveform.

    sample_rate    [Hz]
    fft_size       samples of a symbol without its prefix, a multiple of 4
    prefix         cyclic prefix [samples], below fft_size; the sync symbol has twice as much
    low_hz/high_hz edges of the band that carries data [Hz], below sample_rate / 2
    pilot_spacing  every so many carriers of a payload symbol one is a pilot, at least 1
    header_hz      upper edge of the band that holds the burst header [Hz]: waveforms that are
                   alike up to there can tell one another's headers

    Raises ConfigError for values outside these ranges.
    """

    sample_rate: int
    fft_size: int
    prefix: int
    low_hz: float
    high_hz: float
    pilot_spacing: int
    header_hz: float = np.inf

    def __post_init__(self) -> None:
        if not 0 < self.low_hz < self.high_hz < self.sample_rate / 2:
            raise ConfigError(f"band {self.low_hz}-{self.high_hz} Hz does not fit {self}")
        if self.fft_size % 4 or not 0 < self.prefix < self.fft_size:
            raise ConfigError(f"fft_size {self.fft_size} and prefix {self.prefix} do not fit")
        if self.pilot_spacing < 1:
            raise ConfigError(f"pilot_spacing must be at least 1, got {self.pilot_spacing}")

    @cached_property
    def carriers(self) -> NDArray[np.int64]:
        """(n,) FFT bins in use, ascending."""
        spacing = self.sample_rate / self.fft_size
        return np.arange(int(np.ceil(self.low_hz / spacing)), int(self.high_hz / spacing) + 1)

    @property
    def carrier_hz(self) -> NDArray[np.float64]:
        """(n,) frequencies of the carriers [Hz]."""
        return self.carriers.astype(np.float64) * self.sample_rate / self.fft_size

    @property
    def symbol_samples(self) -> int:
        return self.fft_size + self.prefix

    @property
    def sync_samples(self) -> int:
        return self.fft_size + 2 * self.prefix

    @cached_property
    def header_band(self) -> int:
        """How many carriers, from the lowest up, lie in the header's band."""
        return int((self.carrier_hz <= self.header_hz).sum())

    @cached_property
    def training_index(self) -> NDArray[np.int64]:
        """Positions within the header's band that hold training in the sync symbol."""
        return np.arange(0, self.header_band, 2)

    @cached_property
    def header_index(self) -> NDArray[np.int64]:
        """Positions within `carriers` that hold the burst header in the sync symbol."""
        return np.arange(1, self.header_band, 2)

    @cached_property
    def reference(self) -> NDArray[np.complex64]:
        """(n,) known unit cells of training and pilots: a quadratic phase, so that their crest
        factor is low (Schroeder, IEEE Trans. IT 16, 1970)."""
        k = np.arange(self.carriers.size)
        return np.exp(-1j * np.pi * k * k / self.header_band).astype(np.complex64)

    def pilot_index(self, symbols: int, loaded: int) -> NDArray[np.int64]:
        """(symbols, pilots) positions within the lowest `loaded` carriers, ascending in each row.

        The comb moves by the golden section of its spacing, so that any few symbols in a row
        already spread over the band.
        """
        spacing = self.pilot_spacing
        step = max(round(spacing * 0.618), 1)
        while np.gcd(step, spacing) != 1:
            step += 1
        offset = (np.arange(symbols) * step) % spacing
        comb = np.arange(loaded // spacing) * spacing
        return np.asarray(comb + offset[:, None], np.int64)

    def modulate(self, cells: NDArray[np.complex64], prefix: int) -> NDArray[np.float32]:
        """Cells (symbols, carriers) of mean power 1 to (symbols * (fft_size + prefix),), rms 1."""
        spectrum = np.zeros((cells.shape[0], self.fft_size // 2 + 1), np.complex64)
        spectrum[:, self.carriers] = cells
        x = np.fft.irfft(spectrum, self.fft_size)
        x *= self.fft_size / np.sqrt(2.0 * self.carriers.size)
        return (
            np.concatenate((x[:, self.fft_size - prefix :], x), axis=1).ravel().astype(np.float32)
        )

    def demodulate(self, windows: NDArray[np.float32]) -> NDArray[np.complex64]:
        """FFT windows (symbols, fft_size) to cells (symbols, carriers); inverse of `modulate`."""
        spectrum = np.fft.rfft(windows)[:, self.carriers]
        return np.asarray(
            spectrum * (np.sqrt(2.0 * self.carriers.size) / self.fft_size), np.complex64
        )
