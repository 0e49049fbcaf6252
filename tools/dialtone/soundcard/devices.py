"""Sound devices: what there is, and which of them a word means."""

import re
from dataclasses import dataclass

from dialtone.errors import ExitCode, Failure

NONE_HINT = (
    "plug one in, or start the sound server (systemctl --user start pipewire wireplumber); "
    "`dialtone devices` shows what there is"
)
# PortAudio puts ALSA's number of a card into the names of its devices, as "USB Audio (hw:1,0)".
_CARD = re.compile(r"\(hw:\d+,")


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device as PortAudio sees it.

    number   which changes when devices come and go
    host     "ALSA", "JACK Audio Connection Kit", ...
    inputs, outputs  channels it has at most; of a sound server many
    rate     default sample rate [Hz]
    rates    usual sample rates that it takes [Hz]; empty where that was not asked
    """

    number: int
    name: str
    host: str
    inputs: int
    outputs: int
    rate: int
    default_input: bool
    default_output: bool
    rates: tuple[int, ...] = ()

    def channels(self, playing: bool) -> int:
        """How many channels it has in one direction at most."""
        return self.outputs if playing else self.inputs


def find(word: str | None, devices: list[Device], playing: bool) -> Device:
    """The device that a word means: its number, its name, or a part of one name only, whatever
    the case; None means the default one. A name is that of the same device on a card that has
    another number by now, too.

    Raises Failure (device) that lists what there is.
    """
    able = [device for device in devices if device.channels(playing)]
    deed = "play" if playing else "record"
    if not able:
        raise Failure(f"there is no sound device to {deed} with", NONE_HINT, ExitCode.DEVICE)
    there = "there is: " + "; ".join(f"{device.number} {device.name}" for device in able)
    if word is None:
        usual = [d for d in able if (d.default_output if playing else d.default_input)]
        return (usual or able)[0]
    if word.isascii() and word.isdigit():
        for device in devices:
            if device.number == int(word):
                if device not in able:
                    sentence = f"the sound device {device.name} cannot {deed}"
                    raise Failure(sentence, there, ExitCode.DEVICE)
                return device
    for same in (
        [device for device in able if device.name == word],
        [device for device in able if device.name.casefold() == word.casefold()],
        [device for device in able if word and word.casefold() in device.name.casefold()],
        [device for device in able if _unnumbered(device.name) == _unnumbered(word)],
    ):
        if len(same) == 1:
            return same[0]
        if same:
            which = "; ".join(f"{device.number} {device.name}" for device in same)
            raise Failure(
                f"{word!r} may be any of these sound devices: {which}",
                "give its number, or more of its name",
                ExitCode.DEVICE,
            )
    raise Failure(f"there is no sound device {word!r} to {deed} with", there, ExitCode.DEVICE)


def _unnumbered(name: str) -> str:
    return _CARD.sub("(hw:,", name)
