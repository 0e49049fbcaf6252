"""Files that appear under their name complete, or not at all."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A binary file to write to; it takes its name when the block ends without an error."""
    temporary = target.with_name(f".dialtone-{secrets.token_hex(6)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
