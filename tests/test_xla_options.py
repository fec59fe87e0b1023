"""XLA's options of one program: whose they are, and that a wrong one is named."""

import jax
import pytest

from flanjax.models.t5 import T5Config
from flanjax.parallel import sharding, xla_options
from flanjax.parallel.xla_options import options_for
from flanjax.train.config import TrainConfig
from flanjax.train.program import Program

MODEL = T5Config(vocab_size=128, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8)


def program(*options):
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:2])
    return Program(TrainConfig(xla_options=options), MODEL, mesh, num_tasks=1)


def test_an_option_is_given_to_the_devices_that_it_is_for():
    asked = ("xla_jf_a=1", "--xla_tpu_b=false", "xla_gpu_c=x", "xla_cpu_d=-2", "xla_e=true")
    assert options_for(asked, "tpu") == {"xla_jf_a": 1, "xla_tpu_b": False, "xla_e": True}
    assert options_for(asked, "gpu") == options_for(asked, "hopper") == {"xla_gpu_c": "x", "xla_e": True}
    assert options_for(asked, "cpu").items() >= {"xla_cpu_d": -2, "xla_e": True}.items()
    assert not options_for(asked, "cpu").keys() & {"xla_jf_a", "xla_gpu_c"}


def test_our_options_for_cpus_are_left_out_where_jax_does_not_know_them(monkeypatch):
    known = xla_options._CPU
    xla_options._known_cpu_options.cache_clear()
    assert options_for((), "cpu") == known
    monkeypatch.setattr(xla_options, "_CPU", {"xla_cpu_no_such_option": "1"})
    xla_options._known_cpu_options.cache_clear()
    assert options_for((), "cpu") == {}
    xla_options._known_cpu_options.cache_clear()


def test_an_option_reaches_the_compiler_and_one_of_other_devices_does_not():
    program("xla_tpu_no_such_option=1", "xla_gpu_no_such_option=1")
    with pytest.raises(ValueError, match=r"train\.xla_options: No such compile option: 'xla_no_such_option'"):
        program("xla_no_such_option=1")
    with pytest.raises(ValueError, match=r"train\.xla_options: .*'often' is not a valid bool"):
        program("xla_cpu_use_fusion_emitters=often")
    program("xla_cpu_use_fusion_emitters=true")


@pytest.mark.parametrize("text", ["", "xla_a", "xla_a=", "windowed=1", "--xla a=1"])
def test_what_is_no_option_is_refused_where_it_stands(text):
    with pytest.raises(ValueError, match=r"xla_options has .* is not an option of XLA; expected one such as"):
        TrainConfig(xla_options=(text,))
