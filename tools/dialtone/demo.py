"""The command `demo`: a photo through a simulated phone call and through an MP3 file.

Both ways use what `send`, `receive` and `inspect` use; the results and a page that explains
them are written into a folder.
"""

import secrets
import tempfile
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from dialtone import ready
from dialtone.demo_ways import WAYS, Passed, Way
from dialtone.errors import ExitCode, Failure
from dialtone.interrupts import HeldSignals
from dialtone.locking import with_passphrase
from dialtone.output import Meter, Output, duration, rate, size
from dialtone.whole import whole_file

if TYPE_CHECKING:
    from dialtone.pipeline import Samples

_MP3_KBPS = 128
_CALL = "skew=80,band=300-3400,noise=-45,g711u"


def run_demo(folder: Path, seed: int, out: Output) -> None:
    """Send the photo both ways and write everything. Raises Failure unless both are exact."""
    ready.prepare(out)
    folder.mkdir(parents=True, exist_ok=True)
    from dialtone.demo_page import write_page
    from dialtone.demo_summary import draw_summary

    photo = folder / "photo.png"
    with whole_file(photo) as file:
        file.write((files("dialtone") / "data" / "photo.png").read_bytes())
    passphrase = secrets.token_hex(8)
    out.say(f"sending {photo.name} ({size(photo.stat().st_size)}), encrypted, two ways")
    results = []
    with out.progress("demo", len(WAYS), "ways") as meter:
        for number, way in enumerate(WAYS):
            meter(number, way.title.lower())
            passed = _pass(way, photo, passphrase, seed, folder, meter)
            results.append(passed)
            _report(passed, photo, out)
    draw_summary(photo, results, folder / "summary.png")
    write_page(photo, results, passphrase, folder / "index.html")
    out.event("demo", folder=folder, page=folder / "index.html", summary=folder / "summary.png")
    out.say(f"open {folder / 'index.html'} in a browser; the same as a picture: summary.png")
    if not all(passed.exact for passed in results):
        raise Failure("not every picture arrived exact", "", ExitCode.INCOMPLETE)


def _pass(way: Way, photo: Path, passphrase: str, seed: int, folder: Path, meter: Meter) -> Passed:
    """Send, let it be heard on the other side, receive, and draw the report."""
    import framing
    import modem
    from dialtone.analysis import analyse_into
    from dialtone.audio import open_audio
    from dialtone.pictures import RESTORED_MEDIA, file_payload, restore
    from dialtone.pipeline import Sending, bit_rate
    from dialtone.report import draw
    from dialtone.verdict import judge

    profile = modem.profiles[way.profile]
    speed = profile.speeds[profile.default_speed - 1]
    with (
        file_payload(photo) as payload,
        closing(Sending(payload, profile, speed, with_passphrase(passphrase))) as sending,
    ):
        sound = folder / way.sound
        _write_heard(list(sending.samples()), profile.sample_rate, sound, seed)
    picture = folder / f"received-{way.profile}.png"
    with (
        # In the same folder, so that the picture takes its name in one step.
        tempfile.TemporaryDirectory(prefix=".inbox-", dir=folder) as inbox,
        open_audio(sound) as source,
    ):
        analysis = analyse_into(
            framing.Inbox(Path(inbox), framing.Keys(passphrases=(passphrase,))), source, sound.name
        )
        if not analysis.received:
            raise Failure(f"{way.title}: the photo did not arrive whole", "", ExitCode.INCOMPLETE)
        received = analysis.received[0]
        arrived = received.path
        if received.media in RESTORED_MEDIA:
            arrived = restore(arrived, received.media).path
        arrived.replace(picture)
    verdict = judge(analysis)
    report = folder / f"report-{way.profile}.png"
    draw(analysis, verdict, report)
    return Passed(
        way=way,
        analysis=analysis,
        verdict=verdict,
        picture=picture,
        report=report,
        exact=picture.read_bytes() == photo.read_bytes(),
        air_seconds=sending.air_seconds,
        goodput_bps=bit_rate(photo.stat().st_size, sending.air_seconds),
        speed=f"{speed.number} ({speed.name})",
        protection=received.protection,
    )


def _write_heard(sent: "list[Samples]", sample_rate: int, path: Path, seed: int) -> None:
    """Write what the other side hears: through the call, or as an MP3."""
    import numpy as np

    from dialtone.audio import write_audio
    from modem import channel

    samples = np.concatenate(sent)
    if path.suffix == ".mp3":
        with HeldSignals(), write_audio(path, sample_rate, _MP3_KBPS) as sink:
            sink.write(samples)
        return
    heard, heard_rate = channel.parse(_CALL, seed).apply(samples, sample_rate)
    with HeldSignals(), write_audio(path, heard_rate) as sink:
        sink.write(heard)


def _report(passed: Passed, photo: Path, out: Output) -> None:
    signal = passed.analysis.signals[-1]
    out.event(
        "received",
        file=passed.picture,
        bytes=photo.stat().st_size,
        exact=passed.exact,
        air_seconds=passed.air_seconds,
        goodput_bps=passed.goodput_bps,
        snr_db=signal.snr_db,
        clock_ppm=signal.clock_ppm,
        profile=passed.way.profile,
        speed=signal.speed,
        report=passed.report,
    )
    same = "the same file, byte for byte" if passed.exact else "NOT the same file"
    out.say(
        f"{passed.way.title}: {duration(passed.air_seconds)} of sound, "
        f"{rate(passed.goodput_bps)}, SNR {signal.snr_db:.1f} dB, "
        f"clock {signal.clock_ppm:+.1f} ppm: {same}"
    )
