"""The command `devices`: a table of the sound devices there are."""

from dialtone.errors import ExitCode, Failure
from dialtone.output import Output
from dialtone.soundcard.child import devices
from dialtone.soundcard.devices import NONE_HINT, Device

SHOWN_RATES = (8000, 44100, 48000, 96000, 192000)


def show_devices(out: Output) -> None:
    """Print every device, as JSON rows or as a table. Raises Failure where there is none."""
    found = devices(with_rates=True)
    if not found:
        raise Failure("there is no sound device", NONE_HINT, ExitCode.DEVICE)
    for device in found:
        out.record(
            number=device.number,
            name=device.name,
            host=device.host,
            inputs=device.inputs,
            outputs=device.outputs,
            rate=device.rate,
            rates=_shown_rates(device),
            default_input=device.default_input,
            default_output=device.default_output,
        )
    if out.as_json:
        return
    from rich.table import Table

    table = Table(title="sound devices", title_justify="left", title_style="bold")
    for heading in ("", "inputs", "outputs", "default rate"):
        table.add_column(heading, justify="right")
    table.columns[0].header = "number"
    table.add_column("name")
    table.add_column("takes")
    table.add_column("")
    for device in found:
        table.add_row(
            str(device.number),
            str(device.inputs),
            str(device.outputs),
            f"{device.rate / 1000:g} kHz",
            device.name,
            ", ".join(f"{rate / 1000:g}" for rate in _shown_rates(device)) + " kHz",
            _default(device),
            style="bold green" if _default(device) else "",
        )
    out.table(table)


def _shown_rates(device: Device) -> list[int]:
    return [rate for rate in SHOWN_RATES if rate in device.rates]


def _default(device: Device) -> str:
    sides = (("records", device.default_input), ("plays", device.default_output))
    words = " and ".join(word for word, default in sides if default)
    return f"default: {words}" if words else ""
