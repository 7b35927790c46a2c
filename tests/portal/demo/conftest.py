from pathlib import Path

import pytest


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _no_variables_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "COMET1_PORT", "COMET2_PORT", "REDIS_URL", "ALLOWED_NETWORKS"):
        monkeypatch.delenv(name, raising=False)
