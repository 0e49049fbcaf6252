"""The commands `send` and `receive`: what each takes, nothing of what it does."""

from pathlib import Path
from typing import Annotated

import typer

from dialtone.keyoptions import (
    Expires,
    Identities,
    IdentityPassphraseFile,
    KeyInHeader,
    OneTime,
    PackingOrder,
    PassphraseFile,
    PassphrasePrompt,
    Plain,
    Shares,
    Sign,
    SignAs,
    To,
)
from dialtone.locking import LockOptions, Order
from dialtone.options import (
    Again,
    AsIs,
    DryRun,
    FirstOnly,
    Fit,
    Folder,
    ForChannel,
    Gain,
    Json,
    Mp3Kbps,
    Pixels,
    ProfileName,
    PushToTalk,
    RawChannels,
    RawRate,
    Recording,
    Repair,
    Repeat,
    SoundDevice,
    SoundFile,
    SpeedChoice,
    Timeout,
    Vox,
)
from dialtone.output import Output
from dialtone.passphrases import PassphraseOptions


def send(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What to send; - is stdin.")],
    output: SoundFile = None,
    device: SoundDevice = None,
    profile: ProfileName = None,
    speed: SpeedChoice = None,
    for_channel: ForChannel = None,
    mp3_kbps: Mp3Kbps = 128,
    to: To = None,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    key_in_header: KeyInHeader = False,
    plain: Plain = False,
    sign: Sign = False,
    identity: SignAs = None,
    identity_passphrase_file: IdentityPassphraseFile = None,
    expires: Expires = None,
    once: OneTime = False,
    order: PackingOrder = Order.COMPRESS_FIRST,
    repair: Repair = None,
    repeat: Repeat = 1,
    fit: Fit = None,
    pixels: Pixels = False,
    as_is: AsIs = False,
    vox: Vox = 0.0,
    ptt: PushToTalk = None,
    gain: Gain = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Turn a file or picture into sound, and play it or write it.

    \b
    Examples:
      dialtone send photo.png --passphrase-prompt                played by the sound card
      dialtone send photo.png --to ann --device USB -p cable     by another one
      dialtone send photo.png --plain --vox 1 --ptt 'rig-ptt 3'  by a radio
      dialtone send photo.png --passphrase-prompt -o photo.wav
      dialtone send photo.png --to ann bob --sign --expires 2d -o photo.wav
      dialtone send photo.png --passphrase-file key.txt -p mp3 -s max -o photo.mp3
      dialtone send photo.png --plain --fit 20 -o photo.wav      a picture in 20 seconds
      dialtone send big.zip --plain -p cable --dry-run           how long would it take?
      tar c notes | dialtone send - --plain -p cable -o - | aplay -f S16_LE -r 48000
      dialtone send photo.png --plain -p stereo -o - | aplay -f S16_LE -r 48000 -c 2
    """
    from dialtone.playing import PlayOptions
    from dialtone.send import SendOptions, send_file

    send_file(
        SendOptions(
            file=file,
            output=output,
            profile=profile,
            speed=speed,
            channel=for_channel,
            mp3_kbps=mp3_kbps,
            keys=LockOptions(
                PassphraseOptions(passphrase_file, passphrase_prompt),
                key_in_header,
                plain,
                tuple(to or ()),
                once,
                sign,
                identity,
                identity_passphrase_file,
                expires,
                order,
            ),
            repair=None if repair is None else repair / 100,
            repeat=repeat,
            fit_s=fit,
            pixels=pixels,
            as_is=as_is,
            dry_run=dry_run,
            playing=PlayOptions(device, vox, ptt, gain),
        ),
        Output(as_json, data_on_stdout=output == "-"),
    )


def receive(
    file: Recording = None,
    device: SoundDevice = None,
    folder: Folder = Path(),
    identity: Identities = None,
    identity_passphrase_file: IdentityPassphraseFile = None,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    shares: Shares = None,
    rate: RawRate = None,
    channels: RawChannels = None,
    once: FirstOnly = False,
    timeout: Timeout = None,
    again: Again = False,
    as_json: Json = False,
) -> None:
    """Turn sound back into files: a recording, or what the sound card hears.

    Finds profile, speed, level and rate by itself.

    Packets of transfers that are not complete yet are kept beside the received files:
    receive another recording into the same folder, or the same one with the right passphrase,
    and they are put to use.

    \b
    Examples:
      dialtone receive photo.wav --passphrase-prompt -d inbox
      dialtone receive --once -d inbox                           from the sound card
      dialtone receive --device USB --rate 96000 --timeout 60    from another one
      dialtone receive call.mp3 -d inbox --json                  to an identity of yours
      dialtone receive call.wav --shares ann.share bob.share -d inbox
      arecord -f S16_LE -r 48000 | dialtone receive - --once --timeout 60
      arecord -f S16_LE -r 192000 -c 2 | dialtone receive - --rate 192000 --channels 2
    """
    from dialtone.opening import OpenOptions
    from dialtone.receive import ReceiveOptions, receive_file

    receive_file(
        ReceiveOptions(
            file=file,
            device=device,
            folder=folder,
            keys=OpenOptions(
                PassphraseOptions(passphrase_file, passphrase_prompt),
                tuple(identity or ()),
                identity_passphrase_file,
                tuple(shares or ()),
            ),
            rate=rate,
            channels=channels,
            once=once,
            timeout_s=timeout,
            again=again,
        ),
        Output(as_json),
    )
