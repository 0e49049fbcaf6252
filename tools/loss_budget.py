"""Where the bits of a channel go: from its limit down to what is delivered, loss by loss.

`python tools/loss_budget.py` measures three transfers of 64 KiB and prints the table that
modem/README.md shows. Each loss is a factor in per cent of what came before it.
"""

from math import log2

from dialtone.bench import Case, best_rate

import modem
from modem.profile import CRC_BITS, loaded_carriers, parity_blocks, symbol_cells

_BYTES = 64 * 1024
_SEED = 1
_PACKET_HEAD_BITS = 12 * 8
_CASES = (
    Case("cable", "cable, 40 dB", "skew=100,awgn=40", 305_000),
    Case("phone", "phone, G.711, -55 dBFS", "skew=100,band=300-3400,noise=-55,g711u", 38_300),
    Case("mp3", "MP3 128 kbit/s", "skew=100,mp3=128", 94_000),
)


def budget(case: Case) -> list[tuple[str, float]]:
    """(loss, share that remains) for each step from the channel's limit to the delivered rate."""
    row = best_rate(case, _BYTES, _SEED)
    if row is None or row.snr_db is None:
        raise SystemExit(f"nothing gets through {case.channel}")
    profile, speed = modem.profiles[case.profile], row.speed
    waveform = profile.numerology
    loaded = loaded_carriers(waveform, speed.top_hz)
    spacing_hz = waveform.sample_rate / waveform.fft_size
    seen_bits = log2(1 + 10 ** (row.snr_db / 10))
    cell_bits = speed.order * speed.rate
    samples = speed.symbols * waveform.symbol_samples
    whole = profile.superframe_samples(speed.symbols, speed.prefix)
    modem_bps = speed.net_bps
    return [
        ("band and channel estimate", loaded * spacing_hz * seen_bits / case.limit_bps),
        ("prefix", waveform.fft_size / waveform.symbol_samples),
        ("pilots", symbol_cells(waveform, speed.top_hz) / loaded),
        ("constellation, LDPC, step of the ladder", cell_bits / seen_bits),
        ("preamble, sync symbol", samples / whole),
        ("Reed-Solomon", speed.blocks / (speed.blocks + parity_blocks(speed.blocks))),
        ("CRC of blocks", (speed.k - CRC_BITS) / speed.k),
        ("heads of packets", 1 - _PACKET_HEAD_BITS / (speed.k - CRC_BITS)),
        (
            "repair packets, key header, lead-in, filling of the last superframe",
            row.delivered_bps / (modem_bps * (1 - _PACKET_HEAD_BITS / (speed.k - CRC_BITS))),
        ),
        ("delivered", row.delivered_bps / case.limit_bps),
    ]


def main() -> None:
    """Print a table of the losses, in Markdown."""
    columns = [budget(case) for case in _CASES]
    print("| what remains after | " + " | ".join(case.name for case in _CASES) + " |")
    print("|---|" + "---|" * len(_CASES))
    for lines in zip(*columns, strict=True):
        shares = " | ".join(f"{share:.1%}" for _, share in lines)
        print(f"| {lines[0][0]} | {shares} |")


if __name__ == "__main__":
    main()
