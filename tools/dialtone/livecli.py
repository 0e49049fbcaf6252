"""Commands about sound cards and what listens at them: what each takes, nothing of what it does."""

from dialtone.options import Json
from dialtone.output import Output


def devices(as_json: Json = False) -> None:
    """List the sound devices.

    Their numbers change when devices come and go, their names do not: --device takes either, or a
    part of a name.

    \b
    Examples:
      dialtone devices
      dialtone devices --json
    """
    from dialtone.cards import show_devices

    show_devices(Output(as_json))
