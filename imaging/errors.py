"""The one kind of error that pictures raise."""


class ImagingError(ValueError):
    """The picture cannot be read, encoded or decoded; the message is one sentence for the user."""
