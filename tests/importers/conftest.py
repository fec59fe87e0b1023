import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def index(tmp_path, monkeypatch):
    """A folder for kept indexes, of its own for each test."""
    monkeypatch.setenv("FLANJAX_INDEX", str(tmp_path / "index"))
    return tmp_path / "index"


@pytest.fixture
def mirror():
    """The mirror of datasets; tests that need it are skipped where there is none."""
    place = os.environ.get("FLANJAX_HUB_MIRROR")
    if not place:
        pytest.skip("no mirror of datasets here (FLANJAX_HUB_MIRROR)")
    return Path(place)
