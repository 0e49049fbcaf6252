"""Where the bits of a channel go: from its limit down to what is delivered, loss by loss.

`python tools/loss_budget.py` measures four transfers of 64 KiB or more and prints the table that
modem/README.md shows. Each line is the share that remains of the line before.
"""

from math import log2

from dialtone.bench import Case, measure

import modem
from modem.ladder import loaded_carriers, parity_blocks, symbol_cells
from modem.profile import CRC_BITS

_BYTES = 64 * 1024
_SEED = 1
_PACKET_HEAD_BITS = 12 * 8
# Each with the fastest speed that `make bench` finds.
_CASES = (
    (Case("cable", "cable, 40 dB", "skew=100,awgn=40", 305_000), 34),
    (Case("stereo192", "stereo192, 50 dB", "skew=100,awgn=50", 3_200_000, times=16), 35),
    (Case("phone", "G.711, -55 dBFS", "skew=100,band=300-3400,noise=-55,g711u", 38_300), 49),
    (Case("mp3", "MP3 128 kbit/s", "skew=100,mp3=128", 94_000), 32),
)


def budget(case: Case, number: int) -> list[tuple[str, float]]:
    """(loss, share that remains) for each step from the channel's limit to the delivered rate."""
    profile = modem.profiles[case.profile]
    speed = profile.speed(number)
    row = measure(case, profile, speed, _BYTES * case.times, _SEED)
    if not row.exact or row.snr_db is None or case.limit_bps is None:
        raise SystemExit(f"speed {number} does not get through {case.channel}")
    waveform = profile.numerology
    loaded = profile.lanes * loaded_carriers(waveform, speed.top_hz)
    spacing_hz = waveform.sample_rate / waveform.fft_size
    seen_bits = log2(1 + 10 ** (row.snr_db / 10))
    cell_bits = speed.order * speed.rate
    samples = speed.symbols * waveform.symbol_samples
    whole = profile.superframe_samples(speed.symbols, speed.prefix)
    head = 1 - _PACKET_HEAD_BITS / (speed.k - CRC_BITS)
    return [
        ("band and channel estimate", loaded * spacing_hz * seen_bits / case.limit_bps),
        ("prefix", waveform.fft_size / waveform.symbol_samples),
        ("pilots", profile.lanes * symbol_cells(waveform, speed.top_hz) / loaded),
        ("constellation, LDPC, step of the ladder", cell_bits / seen_bits),
        ("preamble, sync and closing symbol", samples / whole),
        ("Reed-Solomon", speed.blocks / (speed.blocks + parity_blocks(speed.blocks))),
        ("CRC of blocks", (speed.k - CRC_BITS) / speed.k),
        ("heads of packets", head),
        ("repair packets, key header, lead-in, tail", row.delivered_bps / (speed.net_bps * head)),
        ("delivered", row.delivered_bps / case.limit_bps),
    ]


def main() -> None:
    """Print a table of the losses, in Markdown."""
    columns = [budget(case, number) for case, number in _CASES]
    print("| what remains after | " + " | ".join(case.name for case, _ in _CASES) + " |")
    print("|---|" + "---|" * len(_CASES))
    for lines in zip(*columns, strict=True):
        shares = " | ".join(f"{share:.1%}" for _, share in lines)
        print(f"| {lines[0][0]} | {shares} |")


if __name__ == "__main__":
    main()
