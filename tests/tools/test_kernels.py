"""The folder of compiled kernels: chosen, renewed with the sources, safe to share."""

import os
import time
from pathlib import Path

import pytest
from dialtone import kernels


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "dialtone"


def test_folder_is_below_the_cache_home_and_exported(cache: Path) -> None:
    folder = kernels.prepare()
    assert folder == cache / f"kernels-{kernels.source_hash()}"
    assert folder.is_dir()
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder)


def test_the_users_own_choice_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/chosen")
    assert kernels.prepare() == Path("/chosen")
    assert not cache.exists()


def test_hash_follows_every_source_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "kernelpackage"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "kernel.py").write_text("a = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(kernels, "PACKAGES", ("kernelpackage",))
    before = kernels.source_hash()
    assert kernels.source_hash() == before
    (package / "inner" / "kernel.py").write_text("a = 2\n")
    assert kernels.source_hash() != before


def test_only_idle_old_kernel_folders_are_removed(cache: Path) -> None:
    cache.mkdir()
    now = time.time()
    ages_s = {"1" * 16: 60, "2" * 16: 7200, "3" * 16: 8000, "4" * 16: 9000}
    for name, age in ages_s.items():
        (cache / f"kernels-{name}").mkdir()
        os.utime(cache / f"kernels-{name}", (now - age, now - age))
    (cache / "notes").mkdir()
    os.utime(cache / "notes", (0, 0))
    kernels.prepare()
    left = {folder.name for folder in cache.iterdir()} - {f"kernels-{kernels.source_hash()}"}
    assert left == {"notes", "kernels-" + "1" * 16, "kernels-" + "2" * 16}


def test_no_writable_home_falls_back_to_a_private_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.setattr(kernels.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = kernels.prepare()
    assert folder.parent == tmp_path / f"dialtone-{os.getuid()}"
    assert folder.parent.stat().st_mode & 0o077 == 0


def test_a_folder_others_can_write_is_not_trusted(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_to_all = cache / f"kernels-{kernels.source_hash()}"
    open_to_all.mkdir(parents=True)
    open_to_all.chmod(0o777)
    monkeypatch.setattr(kernels.tempfile, "gettempdir", lambda: str(tmp_path))
    assert kernels.prepare() != open_to_all
