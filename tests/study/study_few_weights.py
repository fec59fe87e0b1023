"""Few weights on more meshes than the suite has time for: every way, by 8 devices and by 2 processes, as by one device."""

import numpy as np
import pytest
from processes import furnished
from test_multihost import ALONE, MESHES, Runs, compared, no_process_stays, train_here  # noqa: F401

from flanjax.adapt.config import METHODS

MORE = {name: MESHES[name] for name in (ALONE, "8 devices, all axes", "2 processes of 2 devices")}
KEYS = {"prompt": ("tokens=4",), "prefix": ("tokens=3", "hidden=6"), "adapter": ("bottleneck=4",), "lora": ("dropout=0.1",)}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = furnished(tmp_path_factory.mktemp("hosts"))
    train_here(folder, folder / "base", [])
    return folder


@pytest.mark.parametrize("method", [*METHODS, "lora over eight bits", "dora"])
def test_few_weights_are_trained_alike_by_one_device_eight_and_two_processes(home, method):
    way, more = {"lora over eight bits": ("lora", ["int8=true"]), "dora": ("lora", ["dora=true"])}.get(method, (method, []))
    own = [f"adapt.{key}" for key in (*KEYS.get(way, ()), *more)]
    keys = ["model.init=base", f"model.adapt={way}", "adapt.learning_rate=0.01", *own]
    runs = Runs(home, MORE, [f"--config.{key}" for key in keys], f"{method} ")
    for name in MORE:
        found, expected = compared(runs[name], runs[ALONE])
        print(f"{method}, {name}: {expected[0, 1]:.4f} to {expected[-1, 1]:.4f}, {np.abs(found - expected).max():.1e} apart")
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)
