"""Which keys of a run may change when it is continued."""

import pytest

from flanjax.config import ConfigError, RunConfig
from flanjax.models import functional
from flanjax.models.t5 import SIZES
from flanjax.parts import check_same_run

CONFIG = {"name": "x", "mixture": "m.py:m", "model": {"size": "t5_small"}}


def meta(**changes):
    made = RunConfig.from_config_dict({**CONFIG, **changes})
    model = made.model.build(SIZES["t5_small"].vocab_size)
    record = {"config": made.to_dict(), "tokenizer": "t", "plan": "p", "tuning": "Full", "split": {}}
    return {**record, "model": functional.record_of(model)}


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"size": "t5_small", "remat": "full"}},
        {"model": {"size": "t5_small", "remat": "auto", "attention": "xla"}},
        {"train": {"microbatches": 2, "xla_options": ("xla_jf_a=1",)}},
        {"mesh": {"tensor": 2}},
    ],
)
def test_what_changes_no_result_may_change(changes):
    check_same_run("w", meta(), meta(**changes))
    check_same_run("w", meta(**changes), meta())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": {"size": "t5_small", "dropout": 0.1}}, r"model\.dropout: None -> 0\.1"),
        ({"train": {"seed": 1}}, r"train\.seed: 0 -> 1"),
        ({"data": {"window": 512}}, r"data\.window: 1024 -> 512"),
    ],
)
def test_what_changes_the_result_is_refused_by_name(changes, said):
    with pytest.raises(ConfigError, match=rf"w holds a run of another config: {said}"):
        check_same_run("w", meta(), meta(**changes))
