"""Compiled programs beside the workdir: what the next process loads is what this one compiled."""

import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import jax, jax.numpy as jnp, numpy as np
from flanjax.parallel import compilation_cache

jnp.arange(3.0).sum().block_until_ready()  # compiled before: jax has decided that there is no cache
print("FOLDER", compilation_cache.enable(sys.argv[1]))
hits = []
jax.monitoring.register_event_listener(lambda name, **_: hits.append(name.rpartition("/")[2]))

@jax.jit
def step(x, y):
    for _ in range(8):
        x = jnp.tanh(x @ y) + jnp.sin(x) / jnp.exp(y).sum()
    return x

x = jax.random.normal(jax.random.key(0), (64, 64))
print("RESULT", np.asarray(step(x, x.T)).tobytes().hex())
print("HITS", hits.count("cache_hits"))
"""


def run(*arguments, **environment):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_COMPILATION", "JAX_ENABLE_COMPILATION"))}
    always = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], env={**inherited, **always, **environment}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    folder, result, hits = re.search(r"FOLDER (.*)\nRESULT (\w+)\nHITS (\d+)", ran.stdout).groups()
    return Path(folder), result, int(hits), ran.stderr


def test_the_next_process_loads_from_beside_the_workdir_what_was_compiled_and_computes_the_same_bits(tmp_path):
    folder, compiled, hits, _ = run(str(tmp_path / "runs/a"))
    assert (folder, hits) == (tmp_path / "runs/.flanjax_cache", 0)
    assert any(folder.iterdir())
    folder, loaded, hits, _ = run(str(tmp_path / "runs/b"))
    assert folder == tmp_path / "runs/.flanjax_cache"
    assert hits > 0
    assert loaded == compiled

    for file in folder.iterdir():  # as a killed process leaves them
        file.write_bytes(file.read_bytes()[:20])
    _, again, hits, _ = run(str(tmp_path / "runs/b"))
    assert (again, hits) == (compiled, 0)


def test_what_the_user_says_of_the_cache_wins_and_a_folder_that_cannot_be_made_ends_nothing(tmp_path):
    folder, _, _, _ = run(str(tmp_path / "a"), JAX_COMPILATION_CACHE_DIR=str(tmp_path / "mine"))
    assert folder == tmp_path / "mine"
    assert any(folder.iterdir())
    folder, _, _, _ = run(str(tmp_path / "a"), JAX_ENABLE_COMPILATION_CACHE="false")
    assert (folder, list(tmp_path.iterdir())) == (Path(), [tmp_path / "mine"])
    (tmp_path / ".flanjax_cache").write_text("a file in the way")
    run(str(tmp_path / "a"))
