"""Errors of the signal-processing layer. A bad signal is not an error: it is an event."""


class ModemError(Exception):
    """Base of all errors raised by the modem."""


class ConfigError(ModemError, ValueError):
    """A stage was built or called with a value outside its range."""
