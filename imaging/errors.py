"""What pictures raise: one kind of error, and one case of it that programs tell apart."""


class ImagingError(ValueError):
    """The picture cannot be read, encoded or decoded; the message is one sentence for the user."""


class NothingHiddenError(ImagingError):
    """Nothing is hidden in this picture, or at other places."""

    def __init__(self) -> None:
        super().__init__(
            "nothing is found in this picture: nothing was hidden there, or under another "
            "passphrase, or the picture was changed since"
        )
