"""Where compiled numba kernels live.

numba decides whether a cached kernel is fresh by looking at the kernel's own file only, so a
change in a function it calls from another file would serve stale machine code. The cache folder
therefore carries a hash of every source file that may hold a kernel.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import tempfile
import time
from pathlib import Path

PACKAGES = ("modem", "framing", "imaging")
_FOLDER = re.compile(r"kernels-[0-9a-f]{16}")
_KEPT = 3
_IDLE_S = 3600.0


def prepare() -> Path:
    """Choose the folder of compiled kernels; call it before numba is first imported.

    Sets NUMBA_CACHE_DIR unless the user has set it, and removes folders of older sources.
    returns  the folder in use; it exists and is writable, unless the user named it
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    name = f"kernels-{source_hash()}"
    folder = _private(_cache_home() / "dialtone" / name)
    if folder is None:
        folder = _temporary() / name
        folder.mkdir(mode=0o700, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    _remove_old(folder)
    return folder


def source_hash() -> str:
    """16 hex digits over the names and contents of all Python files of the kernel packages."""
    digest = hashlib.blake2b(digest_size=8)
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        for location in (spec and spec.submodule_search_locations) or ():
            root = Path(location)
            for file in sorted(root.rglob("*.py")):
                content = file.read_bytes()
                name = f"{package}/{file.relative_to(root)}"
                digest.update(f"{len(name)}:{name}{len(content)}:".encode() + content)
    return digest.hexdigest()


def _cache_home() -> Path:
    """The XDG rule: a relative XDG_CACHE_HOME counts as unset."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    if Path(configured).is_absolute():
        return Path(configured)
    home = os.environ.get("HOME", "")
    return Path(home or "/nonexistent") / ".cache"


def _private(folder: Path) -> Path | None:
    """Create the folder; None unless it is ours alone to write.

    Cached kernels are pickles and machine code: whoever can write here runs code as this user.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid() and not info.st_mode & 0o022
    return folder if ours and os.access(folder, os.W_OK | os.X_OK) else None


def _temporary() -> Path:
    """A folder under the system's temporary one that only this user can write."""
    fixed = Path(tempfile.gettempdir()) / f"dialtone-{os.getuid()}"
    return _private(fixed) or Path(tempfile.mkdtemp(prefix="dialtone-"))


def _remove_old(current: Path) -> None:
    """Keep the most recently used few folders, and any that a running program may still use."""
    try:
        os.utime(current)
        ages = sorted(
            (
                (folder.lstat().st_mtime, folder)
                for folder in current.parent.iterdir()
                if _FOLDER.fullmatch(folder.name) and folder != current and not folder.is_symlink()
            ),
            reverse=True,
        )
    except OSError:  # another program is tidying the same folder; the next start will do it
        return
    for used, folder in ages[_KEPT - 1 :]:
        if time.time() - used > _IDLE_S:
            shutil.rmtree(folder, ignore_errors=True)
