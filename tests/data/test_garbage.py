"""Garbage is collected rarely while examples are made, and as before afterwards; what workers begin with."""

import gc
import signal
import threading
import types

import pytest
from test_run import CONFIG, MIXTURE, train_here

from flanjax.data import workers
from flanjax.data.garbage import collected_rarely
from flanjax.data.tokenizer import IN_PARALLEL, SentencePieceTokenizer


@pytest.fixture
def nothing_frozen():
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    yield
    if frozen:
        gc.freeze()


def test_python_collects_as_before_afterwards_even_after_an_error(nothing_frozen):
    usual, within = gc.get_threshold(), []

    @collected_rarely()
    def fails():
        within.extend((gc.get_threshold(), gc.get_freeze_count()))
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert within[0] > usual
    assert within[1]
    assert (gc.get_threshold(), gc.get_freeze_count()) == (usual, 0)


def test_what_was_frozen_before_stays_so(nothing_frozen):
    gc.freeze()
    with collected_rarely():
        pass
    assert gc.get_freeze_count()


def test_a_training_collects_rarely_in_its_steps_alone(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(MIXTURE)
    (tmp_path / "config.py").write_text(CONFIG)
    usual, thresholds = gc.get_threshold(), []
    monkeypatch.setattr("flanjax.run.training.fit", lambda state, *_, **__: thresholds.append(gc.get_threshold()))
    status, said = train_here(tmp_path, "run")
    assert status == 0, said
    assert [each > usual for each in thresholds] == [True]
    assert gc.get_threshold() == usual


def test_a_worker_process_collects_rarely_keeps_tokenizers_to_one_thread_and_leaves_ctrl_c_to_its_parent(monkeypatch):
    handled = []
    monkeypatch.setattr("flanjax.data.workers.signal.signal", lambda *given: handled.append(given))
    forever = types.SimpleNamespace(join=threading.Event().wait)
    monkeypatch.setattr("flanjax.data.workers.multiprocessing.parent_process", lambda: forever)
    monkeypatch.setenv(IN_PARALLEL, "true")  # so that it is put back
    monkeypatch.delenv(IN_PARALLEL)
    usual, threads = gc.get_threshold(), []
    tokenizer = SentencePieceTokenizer.__new__(SentencePieceTokenizer)
    tokenizer._model = types.SimpleNamespace(encode=lambda texts, num_threads: threads.append(num_threads))
    try:
        tokenizer.encode(["a"])
        workers._begin(0, 2)
        tokenizer.encode(["a"])
        assert threads == [-1, 1]
        assert gc.get_threshold() > usual
        assert handled == [(signal.SIGINT, signal.SIG_IGN)]
    finally:
        gc.set_threshold(*usual)
