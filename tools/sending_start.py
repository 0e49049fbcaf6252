"""From Enter to the first sample: how long `dialtone send` takes until something is heard.

Runs the program, warm, for two profiles with and without a passphrase, each several times, on the
default sound device; a sound server with a null sink will do. Prints the best and the middle one.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# In the program: the age of its process when its sound process first reports that samples have been
# heard. It does so every 50 ms, so that the figures are late rather than early.
_TIMED = """
import os, sys, time
from dialtone.__main__ import main
from dialtone.soundcard import playback, protocol
fields = open("/proc/self/stat").read().rpartition(")")[2].split()
began = int(fields[19]) / os.sysconf("SC_CLK_TCK")
hear = playback.Playback._hear
def timed(self, timeout_s):
    kind = hear(self, timeout_s)
    if kind == protocol.PLAYED and self.played_s:
        print(time.clock_gettime(time.CLOCK_BOOTTIME) - began)
        playback.Playback._hear = hear
    return kind
playback.Playback._hear = timed
main()
"""


def measure(runs: int) -> None:
    """Print a line for each way of sending."""
    with tempfile.TemporaryDirectory() as folder:
        key, file = Path(folder) / "key.txt", Path(folder) / "file.bin"
        key.write_text("correct horse battery staple\n")
        file.write_bytes(os.urandom(3000))
        for profile in ("phone", "cable"):
            for protection in (("--plain",), ("--passphrase-file", str(key))):
                options = ("send", str(file), "-p", profile, *protection)
                command = [sys.executable, "-c", _TIMED, *options]
                times = []
                for run in range(runs + 1):
                    told = subprocess.run(command, capture_output=True, text=True, check=True)
                    if run:  # the first one may compile
                        times.append(float(told.stdout))
                print(
                    f"{profile:6} {protection[0]:18} best {min(times):.2f} s, "
                    f"median {statistics.median(times):.2f} s",
                    flush=True,
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    measure(parser.parse_args().runs)
