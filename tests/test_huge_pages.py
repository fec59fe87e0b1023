"""Commands that compute with a model run with memory in huge pages, if the kernel gives them on request."""

import sys

import pytest

from flanjax import cli, huge_pages


class StartedAgain(Exception):
    """What `execv` was asked for."""


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A kernel that says when it gives huge pages, and in whose place no process is started."""

    def again(program, arguments):
        raise StartedAgain(program, arguments, huge_pages.os.environ["GLIBC_TUNABLES"])

    says = tmp_path / "enabled"
    says.write_text("always [madvise] never\n")
    monkeypatch.setattr(huge_pages, "_ON_REQUEST", says)
    monkeypatch.setattr(huge_pages.os, "execv", again)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setattr(sys, "argv", [__file__])
    return says


def test_the_same_command_is_started_in_place(kernel):
    with pytest.raises(StartedAgain) as started:
        huge_pages.start_again_with_them()
    assert started.value.args == (sys.executable, sys.orig_argv, "glibc.malloc.hugetlb=1")


@pytest.mark.parametrize("said", ["[always] madvise never\n", "always madvise [never]\n"])
def test_not_where_it_would_change_nothing(kernel, said):
    kernel.write_text(said)
    huge_pages.start_again_with_them()


def test_not_where_there_are_no_huge_pages(kernel):
    kernel.unlink()
    huge_pages.start_again_with_them()


def test_once_and_never_against_what_the_user_says(kernel, monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")
    huge_pages.start_again_with_them()


def test_not_for_a_program_that_cannot_be_read_again(kernel, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["-c", "train"])
    huge_pages.start_again_with_them()


def test_a_command_goes_on_if_it_cannot_be_started_again(kernel, monkeypatch):
    def refused(*_):
        raise OSError("no such file")

    monkeypatch.setattr(huge_pages.os, "execv", refused)
    huge_pages.start_again_with_them()


@pytest.mark.parametrize("name", ["train", "heldout", "generate"])
def test_commands_that_compute_ask_for_them(kernel, monkeypatch, name):
    monkeypatch.setattr(sys, "argv", [__file__, name])
    with pytest.raises(StartedAgain):
        cli.command()


def test_the_names_are_of_commands():
    assert set(cli.COMMANDS) >= cli._WITH_LARGE_ARRAYS
