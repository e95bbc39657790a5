from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from registered_receiver import drop_folder
from registered_receiver.drop_folder import FolderTaken, fault, lay

TASK = "0f5b2c6e-7a3d-4e1b-9c58-2d6f4b8a1e01"
FILES = {"01-report.pdf": b"%PDF-", "task.json": json.dumps({"task_id": TASK}).encode()}


def test_a_folder_has_every_file_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    assert lay(tmp_path, TASK, FILES)

    assert {path.name: path.read_bytes() for path in (tmp_path / TASK).iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == [TASK]


def test_a_folder_has_its_name_only_when_all_of_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    real = drop_folder._write

    def look(path: Path, data: bytes) -> None:
        seen.append([each.name for each in tmp_path.iterdir() if not each.name.startswith(".")])
        real(path, data)

    monkeypatch.setattr(drop_folder, "_write", look)

    lay(tmp_path, TASK, FILES)

    assert seen == [[], []]


def test_a_folder_of_an_attempt_that_broke_off_after_the_renaming_is_adopted(tmp_path: Path) -> None:
    lay(tmp_path, TASK, FILES)

    assert not lay(tmp_path, TASK, FILES)

    assert [path.name for path in tmp_path.iterdir()] == [TASK]


def test_what_an_attempt_left_that_broke_off_before_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / f".partial-{TASK}-1"
    left.mkdir()
    (left / "01-report.pdf").write_bytes(b"%P")
    (tmp_path / ".partial-other-1").mkdir()

    lay(tmp_path, TASK, FILES)

    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial-other-1", TASK]


@pytest.mark.parametrize("there", [None, b"", b"[]", b'{"task_id": "another"}', b"\xff"])
def test_what_somebody_else_put_there_is_never_touched(tmp_path: Path, there: bytes | None) -> None:
    (tmp_path / TASK).mkdir()
    if there is not None:
        (tmp_path / TASK / "task.json").write_bytes(there)

    with pytest.raises(FolderTaken, match=TASK):
        lay(tmp_path, TASK, FILES)

    assert [path.read_bytes() for path in (tmp_path / TASK).iterdir()] == ([] if there is None else [there])


def test_a_file_in_the_folders_place_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / TASK).write_bytes(b"mine")

    with pytest.raises(FolderTaken):
        lay(tmp_path, TASK, FILES)


@pytest.fixture
def nearly_full_disk() -> Iterator[None]:
    """Let no file grow beyond a megabyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_nothing_is_left(tmp_path: Path, nearly_full_disk: None) -> None:
    with pytest.raises(OSError, match="too large"):
        lay(tmp_path, TASK, FILES | {"02-attachment.jpg": b"x" * 2_000_000})

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_the_umask_decides_what_the_group_may_and_others_may_nothing(tmp_path: Path, umask: None) -> None:
    lay(tmp_path, TASK, FILES)

    modes = [(tmp_path / TASK).stat().st_mode & 0o777, (tmp_path / TASK / "task.json").stat().st_mode & 0o777]
    assert modes == [0o750, 0o640]


def test_a_directory_is_tried_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    assert fault(tmp_path) is None
    assert fault(tmp_path / "nowhere") == "No such file or directory"
    assert fault(tmp_path / "file") == "Not a directory"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
