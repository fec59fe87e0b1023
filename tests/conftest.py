"""Tests run on eight fake CPU devices, offline, and on the dataset mirror where one lies beside the checkout.

What one test has compiled is loaded by the others, and by the processes that they start: jax's cache is a folder of the
session, or the one that JAX_COMPILATION_CACHE_DIR names.
"""

import gc
import os
import signal
import tempfile
from pathlib import Path

import pytest
from compiling import flags

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", flags(devices=8))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _COMPILED = tempfile.TemporaryDirectory(prefix="flanjax-compiled-", ignore_cleanup_errors=True)  # removed at the end
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _COMPILED.name
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
if "FLANJAX_INDEX" not in os.environ:
    _KEPT = tempfile.TemporaryDirectory(prefix="flanjax-index-", ignore_cleanup_errors=True)
    os.environ["FLANJAX_INDEX"] = _KEPT.name
MIRROR = Path(__file__).resolve().parents[2] / "shared" / "data" / "hub"
if MIRROR.is_dir():
    os.environ.setdefault("FLANJAX_HUB_MIRROR", str(MIRROR))

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the processes that tests start would all compile the package again

# Whoever starts the tests in the background has them ignore Ctrl-C, or with nohup a lost terminal, and so would every process
# that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

MAPS, MANY = Path("/proc/self/maps"), 20_000  # Linux gives a process 65,530, and every compiled program takes about seven


@pytest.fixture(autouse=True, scope="module")
def room_for_programs():
    """Forgets what was compiled before a process runs out of mappings, at which XLA crashes."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MANY:
        import jax

        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="module")
def one_device():
    """Runs in this process have one device, for which programs are small, where a test is not about several."""
    import jax

    from flanjax.parallel import sharding

    make_mesh, first = sharding.make_mesh, jax.devices()[:1]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sharding, "make_mesh", lambda config, devices=None: make_mesh(config, devices or first))
        yield


@pytest.fixture
def eight_fake_chips(monkeypatch):
    """The CPU's fake devices in place of a v5e:2x4."""
    import jax

    devices = type("Slice", (), {"devices": jax.devices()})
    monkeypatch.setattr("jax.experimental.topologies.get_topology_desc", lambda *args, **kwargs: devices)


# These begin first: a long file that begins last keeps one worker busy while the others have nothing left to do. The first
# mostly waits, beside the second, whose many processes find work for every core.
LONGEST = (
    "test_hosts_end.py",
    "test_multihost.py",
    "test_engine.py",
    "test_prepare.py",
    "test_lm_eval.py",
    "test_run.py",
    "test_readme.py",
    "test_aot.py",
    "test_step.py",
    "test_contracts.py",
    "test_ablate.py",
    "test_t5_parity.py",
    "test_attention.py",
    "test_doctor.py",
    "test_python_docs.py",
    "test_gcs.py",
)


def pytest_collection_finish():
    """What was imported until now stays. Nothing need look through it again for garbage, of which tracing makes much."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
