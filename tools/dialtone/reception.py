"""What a reception amounts to: said while it goes on, and summed up at its end."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dialtone import moments, pictures
from dialtone.errors import KIND_CODES, ExitCode, Failure, sentence
from dialtone.opening import Opening
from dialtone.output import Output, count, duration, rate, size
from dialtone.pipeline import (
    Delivered,
    Known,
    Missed,
    Outcome,
    Receiving,
    Rejected,
    Signal,
    bit_rate,
)
from dialtone.signers import Signature, signature_of

if TYPE_CHECKING:
    import framing
    from dialtone.pipeline import Samples

_INCOMPLETE_HINT = (
    "receive another recording of it into the same folder, or ask for it to be sent again: "
    "what has arrived is kept"
)
_UNFIT_HINT = "record it again that way; of raw samples on stdin tell --rate and --channels"


@dataclass(slots=True)
class _Level:
    """How loud the sound was."""

    peak: float = 0.0

    def add(self, chunk: "Samples") -> None:
        self.peak = max(self.peak, float(np.max(np.abs(chunk), initial=0.0)))

    def __str__(self) -> str:
        return f"peak {20 * math.log10(self.peak):.0f} dBFS" if self.peak else "digital silence"


class Report:
    """Follows one reception: tells what arrives, then decides how the command ends."""

    def __init__(
        self,
        out: Output,
        receiving: Receiving,
        opening: Opening,
        silence_hint: str,
    ) -> None:
        """silence_hint: what to do where no signal was heard."""
        self.out = out
        self._silence_hint = silence_hint
        self.arrived = 0  # files that are there now, received before or this time
        self._opening = opening
        self._receiving = receiving
        self._inbox = receiving.inbox
        self._level = _Level()
        self._failures: list[Failure] = []
        self._earlier: list[framing.Refused] = []  # what earlier receptions left, and still is shut
        self._reasons: list[str] = []  # why signals went away or could not be read, each once

    def resume(self) -> None:
        """Deliver what earlier receptions left complete, now that the key may be there."""
        import framing

        for result in self._inbox.resume():
            if isinstance(result, framing.Received):
                self._deliver(result, None)
            elif isinstance(result, framing.Repeated):
                self._repeat(result)
            else:
                self._earlier.append(result)

    def hear(self, chunk: "Samples") -> None:
        """Note how loud the sound is."""
        self._level.add(chunk)

    def take(self, outcome: Outcome) -> None:
        """Tell one outcome."""
        match outcome:
            case Delivered():
                self._deliver(outcome.received, outcome.signal)
            case Known():
                self._repeat(outcome.repeated)
            case Rejected():
                self._reject(outcome.refused)
            case Missed():
                self.out.event(
                    "lost",
                    time_s=outcome.time_s,
                    packets=outcome.packets,
                    reason=outcome.reason,
                )
                if not outcome.packets and outcome.reason not in self._reasons:
                    self._reasons.append(outcome.reason)

    def state(self) -> str:
        """What is on its way, for a progress bar."""
        heard = self._pending()
        return ", ".join(f"{shown(p)} {p.have}/{p.needed}" for p in heard)

    def kept(self) -> str:
        """What an interruption leaves, for a sentence."""
        pending = self._pending()
        if not pending:
            return ""
        packets = sum(progress.have for progress in pending)
        return f", and {count(packets, 'packet')} received so far are kept for the next time"

    def finish(self, damage: str | None) -> None:
        """Raise the Failure that the reception ends with, if it does."""
        if damage:
            self.out.say(f"note: {damage}")
        for refused in self._earlier:
            # An inbox refuses a transfer once; it matters where this recording carries it.
            if refused.transfer_id in self._receiving.transfers:
                self._reject(refused)
        for progress in self._pending():
            self._lament(progress)
        if not self._failures and not self.arrived:
            self._failures.append(self._nothing())
        ending = self._failures[0].sentence if self._failures else ""
        for reason in self._reasons:
            if reason != ending:
                self.out.say(f"note: {reason}")
        if self._failures:
            # A missing key is what a person can do something about at once: it comes first.
            self._failures.sort(key=lambda failure: failure.code != ExitCode.KEY)
            raise self._failures[0]

    def _pending(self) -> "list[framing.Progress]":
        """Unfinished transfers of which something was heard this time."""
        return [p for p in self._inbox.pending() if p.transfer_id in self._receiving.transfers]

    def _deliver(self, received: "framing.Received", signal: Signal | None) -> None:
        path, n_bytes, sha256, note = received.path, received.size, received.sha256, ""
        if received.media in pictures.RESTORED_MEDIA:
            try:
                restored = pictures.restore(path, received.media)
            except Failure as failure:
                self._failures.append(failure)
                return
            path, n_bytes = restored.path, restored.size
            sha256, note = restored.sha256, restored.note
            self._inbox.replaced(received, bytes.fromhex(sha256))
        self.arrived += 1
        signature = signature_of(received)
        facts: dict[str, object] = {} if signal is None else signal_facts(n_bytes, signal)
        self.out.event(
            "received",
            file=path,
            bytes=n_bytes,
            **facts,
            transfer=received.transfer_id,
            protection=received.protection,
            media=received.media,
            payload_bytes=received.size,
            sha256=sha256,
            note=note,
            **signature.facts(),
            signed_at=received.signed_at,
            expires=received.expires,
        )
        self.out.say(f"received {path}: {_summary(received, n_bytes, signature, signal)}")
        if note:
            self.out.say(f"note: {note}")

    def _repeat(self, repeated: "framing.Repeated") -> None:
        """A transfer that was received before: well, if its file is still there."""
        at = moments.told(repeated.received_at)
        facts = {"transfer": repeated.transfer_id, "received_at": repeated.received_at}
        self.out.event("repeated", file=repeated.path, **facts)
        if repeated.path is not None:
            self.arrived += 1
            self.out.say(f"{repeated.path} was received before, on {at}")
            return
        if repeated.name is not None:
            reason = f"{repeated.name} was received before, on {at}, and is not there any more"
            hint = "--again takes it once more"
        else:
            reason = f"transfer {repeated.transfer_id} was received before, on {at}"
            hint = (
                "which file that was only its key tells, and one-time keys are gone after use; "
                "with a key that is there --again takes it once more"
            )
        self._failures.append(Failure(reason, hint, ExitCode.INCOMPLETE, **facts))

    def _reject(self, refused: "framing.Refused") -> None:
        code = KIND_CODES.get(refused.kind, ExitCode.INCOMPLETE)
        reason = sentence(refused.reason)
        again = "ask for it to be sent again"
        hint = self._opening.hint(refused) if refused.kind == "key" else again
        facts = {"transfer": refused.transfer_id, "kind": refused.kind}
        self.out.event("refused", **facts, reason=reason)
        self._failures.append(Failure(reason, hint, code, **facts))

    def _lament(self, progress: "framing.Progress") -> None:
        """A transfer that was heard but did not become a file."""
        name = shown(progress)
        about = "" if progress.exact else "about "
        facts = {
            "transfer": progress.transfer_id,
            "packets": progress.have,
            "of": progress.needed,
        }
        if progress.have >= progress.needed and progress.exact:
            return
        reason = (
            f"{name} is incomplete: {progress.have} of {about}{progress.needed} packets arrived"
        )
        self.out.event("lost", **facts, reason=reason)
        self._failures.append(Failure(reason, _INCOMPLETE_HINT, ExitCode.INCOMPLETE, **facts))

    def _nothing(self) -> Failure:
        """Why there is nothing: no signal, or one that could not be read."""
        import modem

        heard = f"{duration(self._receiving.seconds)} of audio ({self._level})"
        if not self._receiving.signals and self._reasons:
            return Failure(self._reasons[0], _UNFIT_HINT, ExitCode.INCOMPLETE)
        if not self._receiving.signals:
            return Failure(
                f"no Dialtone signal found in {heard}",
                self._silence_hint,
                ExitCode.INCOMPLETE,
            )
        signal = self._receiving.signals[-1]
        needed = modem.profiles[signal.profile].speeds[signal.speed - 1].snr_db
        what = (
            f"a signal of profile {signal.profile} at speed {signal.speed} was heard, but nothing "
            "of it could be read"
        )
        if signal.snr_db >= needed:
            return Failure(
                f"{what}: too little of it is in the recording",
                "give the whole recording, or ask for a longer one; `dialtone inspect` shows more",
                ExitCode.INCOMPLETE,
            )
        return Failure(
            f"{what}: its SNR is {signal.snr_db:.1f} dB, and {needed:.1f} dB are needed",
            "send it again at a lower --speed, or louder; `dialtone inspect` shows more",
            ExitCode.INCOMPLETE,
        )


def shown(progress: "framing.Progress") -> str:
    """What to call an unfinished transfer."""
    if progress.name:
        return pictures.shown_name(progress.name)
    return f"transfer {progress.transfer_id}"


def signal_facts(n_bytes: int, signal: Signal) -> dict[str, object]:
    """What JSON events say of the signal that brought a file."""
    return {
        "air_seconds": signal.air_seconds,
        "goodput_bps": bit_rate(n_bytes, signal.air_seconds),
        "snr_db": signal.snr_db,
        "clock_ppm": signal.clock_ppm,
        "profile": signal.profile,
        "speed": signal.speed,
        "packets_lost": signal.packets_lost,
    }


def _summary(
    received: "framing.Received", n_bytes: int, signature: Signature, signal: Signal | None
) -> str:
    how = {"encrypted": "was encrypted", "clear key": "the key came along", "plain": "in the clear"}
    protection = how.get(received.protection, received.protection)
    protection += f", {signature.said}"
    if received.expires is not None:
        protection += f", expires {moments.told(received.expires)}"
    if signal is None:
        return f"{size(n_bytes)}, from packets of earlier recordings, {protection}"
    lost = f", {count(signal.packets_lost, 'packet')} lost and replaced" * bool(signal.packets_lost)
    seconds = signal.air_seconds
    return (
        f"{size(n_bytes)} in {duration(seconds)} "
        f"({rate(bit_rate(n_bytes, seconds))}), {protection}\n"
        f"profile {signal.profile}, speed {signal.speed}, SNR {signal.snr_db:.1f} dB, "
        f"clock {signal.clock_ppm:+.1f} ppm{lost}"
    )
