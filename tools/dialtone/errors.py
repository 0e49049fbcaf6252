"""What can go wrong, in sentences a person can act on, and the exit code of each.

A `Failure` is raised wherever the program knows what happened and what to do about it.
Errors of the layers below are turned into one by `explain`, at the top, in one place.
"""

import errno
from enum import IntEnum
from types import TracebackType


class ExitCode(IntEnum):
    """Exit codes of the program; scripts depend on them."""

    DONE = 0
    INCOMPLETE = 1  # nothing received, or not whole; a full disk too
    USAGE = 2  # wrong usage or a bad input file
    KEY = 3  # key or authentication failure
    DEVICE = 4  # device or network
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it
    TERMINATED = 143  # 128 + SIGTERM


class Failure(Exception):  # noqa: N818  a result of the program, not only an error of it
    """The command ends here: one sentence, one hint, one exit code."""

    def __init__(
        self, sentence: str, hint: str = "", code: ExitCode = ExitCode.USAGE, **facts: object
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.code = code
        self.facts = facts  # further fields of the JSON error event


class Terminated(BaseException):
    """SIGTERM arrived: unwind, so that temporary files go, then leave."""


class TimeIsOver(Exception):  # noqa: N818  the end of a wait that was asked for
    """--timeout is over."""


class translated:  # noqa: N801  reads as a word: with translated(): ...
    """Within it, errors that `explain` knows leave as failures; all others as they are."""

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, BrokenPipeError):
            return
        if error is not None and isinstance(error.__cause__, BrokenPipeError):
            raise error.__cause__
        failure = explain(error) if isinstance(error, Exception) else None
        if failure is not None and failure is not error:
            raise failure from error


def interrupted(more: str = "", hint: str = "") -> Failure:
    """Ctrl-C, as a sentence."""
    sentence = "interrupted; nothing half-written is left"
    return Failure(f"{sentence}{more}", hint, ExitCode.INTERRUPTED)


# What a refused transfer means for the exit code, by its kind; all others are "incomplete".
KIND_CODES = {
    "key": ExitCode.KEY,
    "authentication": ExitCode.KEY,
    "expired": ExitCode.KEY,
}

# Where an input or output fails for these reasons, the person named the wrong thing.
_WRONG_PATH = {
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "part of the path is not a folder",
    errno.EISDIR: "this is a folder, not a file",
    errno.EEXIST: "something else has this name already",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "the file name is too long",
    errno.ELOOP: "too many symbolic links",
}
_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file grew too large for the file system",
}


def sentence(text: str) -> str:
    """A sentence as it stands behind "error: ": small at its start, no full stop."""
    text = text.strip().rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def explain(error: Exception) -> Failure | None:
    """The failure that an error of a layer below amounts to; None for an unknown error."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, OSError):
        return _explain_os(error)
    if isinstance(error, MemoryError):
        return Failure("not enough memory", "send or receive a shorter piece", ExitCode.INCOMPLETE)
    if isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
        return _explain_os(error.__cause__)
    package = type(error).__module__.partition(".")[0]
    if package in ("typer", "click"):
        return _explain_usage(error)
    if package == "framing":
        return _explain_framing(error)
    if package in ("modem", "imaging", "dialtone"):
        code = getattr(error, "code", ExitCode.USAGE)
        return Failure(sentence(str(error)), getattr(error, "hint", ""), code)
    return None


def _explain_usage(error: Exception) -> Failure | None:
    """What typer found wrong with the command line."""
    if type(error).__name__ == "Abort":  # what some versions make of Ctrl-C
        return interrupted()
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "dialtone"
    return Failure(sentence(error.format_message()), f"see `{command} --help`")


def _explain_os(error: OSError) -> Failure:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in _FULL:
        return Failure(
            f"{place}{_FULL[error.errno]}; nothing half-written is left",
            "make room and run the same command again",
            ExitCode.INCOMPLETE,
        )
    if error.errno in _WRONG_PATH:
        return Failure(f"{place}{_WRONG_PATH[error.errno]}", "check the path")
    reason = error.strerror or str(error) or type(error).__name__
    return Failure(f"{place}{reason}", "", ExitCode.INCOMPLETE)


def _explain_framing(error: Exception) -> Failure | None:
    from framing import errors

    match error:
        case errors.StorageError():
            if error.errno in _FULL:
                return _explain_os(OSError(error.errno, ""))
            return Failure(sentence(str(error)), "", ExitCode.INCOMPLETE)
        case errors.SourceError() | errors.SourceTooLargeError():
            return Failure(sentence(str(error)))
        case errors.TransferError():
            code = KIND_CODES.get(error.kind, ExitCode.INCOMPLETE)
            return Failure(sentence(str(error)), "", code)
        case errors.KeyTextError():
            return Failure(sentence(str(error)))
        case errors.KeyMaterialError():
            return Failure(sentence(str(error)), "", ExitCode.KEY)
        case errors.FramingError():
            return Failure(sentence(str(error)), "", ExitCode.INCOMPLETE)
    return None
