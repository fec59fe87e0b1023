"""More meshes than the suite has time for: each gives the losses of one device."""

import pytest
from processes import furnished
from test_multihost import ALONE, MESHES, Runs, assert_losses_of_one_device, no_process_stays  # noqa: F401

MORE = {
    ALONE: MESHES[ALONE],
    "8 devices, fsdp": (1, 8, (1, 8, 1)),
    "8 devices, data": (1, 8, (8, 1, 1)),
    "2 processes of 1 device, tensor": (2, 1, (1, -1, 2)),
    "2 processes of 2 devices, fsdp": (2, 2, (1, -1, 1)),
    "4 processes of 1 device": (4, 1, (1, -1, 2)),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(furnished(tmp_path_factory.mktemp("hosts")), MORE)


def test_more_meshes_give_the_losses_of_one_device(runs):
    assert_losses_of_one_device(runs, MORE)
