import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def compiled_quickly():
    """Compiling is most of the time here."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
