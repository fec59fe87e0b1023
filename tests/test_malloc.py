"""Commands that compute with a model run with a C library that asks for large pages and keeps the memory that it has."""

import os
import platform
import subprocess
import sys

import pytest

from flanjax import cli, malloc

LIBRARY, VERSION = platform.libc_ver()
RECENT = LIBRARY == "glibc" and tuple(map(int, VERSION.split("."))) >= (2, 36)


class StartedAgain(Exception):
    """What `execv` was asked for."""


@pytest.fixture
def glibc(monkeypatch):
    """A process of glibc's, in whose place no other is started."""

    def again(program, arguments):
        raise StartedAgain(program, arguments, malloc.os.environ["GLIBC_TUNABLES"])

    monkeypatch.setattr(malloc.os, "confstr", lambda name: "glibc 2.36", raising=False)
    monkeypatch.setattr(malloc.os, "execv", again)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setattr(sys, "argv", [__file__])


def test_the_same_command_is_started_in_place(glibc):
    with pytest.raises(StartedAgain) as started:
        malloc.start_again_tuned()
    assert started.value.args == (sys.executable, sys.orig_argv, malloc.TUNABLES)


def test_not_with_another_c_library(glibc, monkeypatch):
    def unknown(name):
        raise ValueError(f"unrecognized configuration name: {name}")

    monkeypatch.setattr(malloc.os, "confstr", unknown, raising=False)
    malloc.start_again_tuned()
    monkeypatch.delattr(malloc.os, "confstr")
    malloc.start_again_tuned()


def test_once_and_never_against_what_the_user_says(glibc, monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")
    malloc.start_again_tuned()


def test_not_for_a_program_that_cannot_be_read_again(glibc, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["-c", "train"])
    malloc.start_again_tuned()


def test_a_command_goes_on_if_it_cannot_be_started_again(glibc, monkeypatch):
    def refused(*_):
        raise OSError("no such file")

    monkeypatch.setattr(malloc.os, "execv", refused)
    malloc.start_again_tuned()


@pytest.mark.skipif(not RECENT, reason="tried with glibc 2.36; the C library is older or another")
def test_blocks_of_a_small_model_are_kept():
    """A thread allocates and touches 43 MB again and again, as XLA does; without the variable each time is 10,000 faults."""
    program = """if True:
        import ctypes, resource, threading
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        def block():
            address = libc.malloc(43_000_000)
            ctypes.memset(address, 1, 43_000_000)
            libc.free(address)
        def work():
            libc.malloc(40_000_000)  # so that the thread needs a second heap, of 64 MiB at most, for each block
            block()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            for _ in range(10):
                block()
            print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """
    faults = {}
    for tunables in ("", malloc.TUNABLES):
        environment = {**os.environ, "GLIBC_TUNABLES": tunables}
        run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        faults[tunables] = int(run.stdout)
    assert faults[malloc.TUNABLES] < 50 < faults[""]


@pytest.mark.parametrize("name", ["train", "heldout", "generate"])
def test_commands_that_compute_ask_for_it(glibc, monkeypatch, name):
    monkeypatch.setattr(sys, "argv", [__file__, name])
    with pytest.raises(StartedAgain):
        cli.command()


def test_the_names_are_of_commands():
    assert set(cli.COMMANDS) >= cli._WITH_LARGE_ARRAYS
