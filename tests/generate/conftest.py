import functools

import jax
import pytest

from flanjax.generate import engine, reading, slots


@pytest.fixture(autouse=True, scope="module")
def compiled_quickly():
    """Compiling is most of the time here: it is quick, and the programs of all models are kept."""
    jax.config.update("jax_disable_most_optimizations", True)
    with pytest.MonkeyPatch.context() as patched:
        for place, made, name in ((engine, slots, "programs"), (reading, reading, "read_program")):
            patched.setattr(place, name, functools.cache(getattr(made, name).__wrapped__))
        yield
    jax.config.update("jax_disable_most_optimizations", False)
