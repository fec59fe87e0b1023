"""Tests run on eight fake CPU devices, offline, and on the dataset mirror where one lies beside the checkout."""

import os
import signal
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
MIRROR = Path(__file__).resolve().parents[2] / "shared" / "data" / "hub"
if MIRROR.is_dir():
    os.environ.setdefault("FLANJAX_HUB_MIRROR", str(MIRROR))

# Whoever starts the tests in the background has them ignore Ctrl-C, and so would every process that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
