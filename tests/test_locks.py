"""The check that lock files agree with the requirements files."""

import pytest

from tests import locks

DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "requirements.txt").write_text("# Pages\nDjango==5.2.19  # long-term\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\npytest==9.2.0\n")
    django = f"django==5.2.19 \\\n    --hash={DIGEST}\n"
    only_there = f"colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash={DIGEST}\n"
    (tmp_path / "requirements.lock").write_text(only_there + django)
    (tmp_path / "requirements-dev.lock").write_text(django + f"pytest==9.2.0 \\\n    --hash={DIGEST}\n")
    return tmp_path


def test_files_that_agree(folder):
    assert locks.problems(folder) == []


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("requirements.txt", "5.2.19", "5.2.20", "requirements.lock lacks django==5.2.20"),
        ("requirements-dev.txt", "pytest==9.2.0\n", "", "holds pytest==9.2.0, which requirements-dev.txt"),
        ("requirements.lock", f"5.2.19 \\\n    --hash={DIGEST}", "5.2.19", "is no pin with its digests"),
        ("requirements.lock", "colorama", "--extra-index-url x://y\ncolorama", "is no pin with its digests"),
    ],
)
def test_files_that_do_not(folder, file, before, after, said):
    path = folder / file
    path.write_text(path.read_text().replace(before, after))

    assert any(said in problem for problem in locks.problems(folder)), locks.problems(folder)


def test_the_committed_ones_name_no_index():
    for lock in locks.LOCKS.values():
        assert "://" not in (locks.ROOT / lock).read_text()
