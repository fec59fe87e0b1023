"""What tests of sources share."""

import os
import time

import pytest
from etils.epath import testing as epath_testing

from flanjax.sources import kept


@pytest.fixture
def bucket(tmp_path):
    """gs://bucket is tmp_path, to epath."""

    def there(path):
        return str(path).replace("gs://bucket", str(tmp_path))

    def on_bucket(call, path, *args):
        return call(there(path), *args)

    def glob(call, path):
        return [found.replace(str(tmp_path), "gs://bucket") for found in call(there(path))]

    same = dict.fromkeys(("exists", "isdir", "listdir", "open", "stat"), on_bucket)
    with epath_testing.mock_epath(**same, glob=glob):
        yield tmp_path


@pytest.fixture
def settle():
    """Makes the files of a folder older, because nothing is kept of files that were written just now."""

    def older(folder, seconds=100):
        for file in folder.rglob("*"):
            os.utime(file, (time.time() - seconds,) * 2)

    return older


@pytest.fixture
def kept_folder(tmp_path_factory, monkeypatch):
    """A kept folder of one test's own."""
    folder = tmp_path_factory.mktemp("kept")
    monkeypatch.setenv(kept.VARIABLE, str(folder))
    return folder
