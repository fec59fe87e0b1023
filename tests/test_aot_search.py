"""The search for what a config should say for a TPU slice: what is tried, and which of it is taken."""

import pytest
from test_aot import config

from flanjax.aot import compile as aot
from flanjax.aot import search
from flanjax.aot.roofline import Roofline
from flanjax.aot.search import Tried, Way
from flanjax.cli import main
from flanjax.config import ConfigError, load_config
from flanjax.parallel.sharding import MeshConfig

FSDP, GATHER_FIRST = MeshConfig(), search.OPTIONS[1]
OTHERS = [MeshConfig(data=-1, fsdp=1), MeshConfig(data=2), MeshConfig(tensor=2)]


def scripted(monkeypatch, milliseconds, fits=lambda way: True):
    """A compiler that says milliseconds(way); the ways that it was asked, in order."""
    asked = []

    def compile_training(made, topology, usable):
        assert usable == 0.95
        train = made.train
        fields = made.model.fields
        way = Way(fields.get("remat", "none"), train.xla_options, made.mesh, train.microbatches, fields.get("scan", True))
        asked.append(way)
        if not fits(way):
            raise ConfigError(f"{made.name}: the step does not fit 15.2 GiB a device")
        number = 1 if way.microbatches == "auto" else way.microbatches
        return aot.CompileReport(
            what=aot.TRAINING, chips=8, num_parameters=1, state_bytes=1, peak_bytes=2**30, microbatches=number, remat=way.remat,
            why="", attention="", model_flops=1e9, kernel_flops=0.0, texts=("",), texts_differ=False, seconds=1.0,
        )  # fmt: skip

    monkeypatch.setattr(search, "compile_training", compile_training)
    monkeypatch.setattr(search, "times", lambda found, topology: milliseconds(asked[-1]))
    return asked


def roofline(compute, memory=0.0, links=0.0):
    return Roofline(compute / 1e3, memory / 1e3, links / 1e3)


def test_every_recomputation_is_tried_with_each_option_then_other_meshes_then_more_microbatches(eight_fake_chips, monkeypatch):
    fast = {("dots", GATHER_FIRST): 81, ("none", ()): 84, ("attention", GATHER_FIRST): 94}

    def milliseconds(way):
        ms = fast.get((way.remat, way.xla_options), 120)
        return roofline(ms - 5 * (way.mesh == MeshConfig(data=2)) + 9 * (way.microbatches == 2))

    asked = scripted(monkeypatch, milliseconds)
    said = []
    made = config(model={**config().model.fields, "remat": "full"}, data={"batch_size": 16, "num_streams": 4})
    now, best = search.search(made, "v5e:2x4", said.append)
    assert asked[0] == Way("full", (), FSDP, 1)
    assert asked[1:9] == [Way(r, o, FSDP, "auto") for o in ((), GATHER_FIRST) for r in ("none", "dots", "attention", "full")]
    assert asked[9:12] == [Way("dots", GATHER_FIRST, mesh, "auto") for mesh in OTHERS]
    assert asked[12:] == [Way("dots", GATHER_FIRST, MeshConfig(data=2), 2)]
    assert (now.seconds, best.seconds) == (0.120, 0.076)
    assert best.way == Way("dots", GATHER_FIRST, MeshConfig(data=2), 1)
    assert len(said) == 2 + len(asked)
    assert len({line.count("|") for line in said}) == 1
    told = search.verdict("v5e:2x4", now, best)
    assert "best on v5e:2x4: 76 ms" in told
    assert "as configured: 120 ms" in told


def test_on_gpus_layers_are_tried_scanned_and_unrolled_and_no_options_of_tpus(eight_fake_chips, monkeypatch):
    asked = scripted(monkeypatch, lambda way: roofline(80 if way.scan else 70))
    said = []
    now, best = search.search(config(data={"batch_size": 16, "num_streams": 4}), "h100:8", said.append)
    assert {(way.scan, way.xla_options) for way in asked[1:9]} == {(True, ()), (False, ())}
    assert now.way.scan
    assert not best.way.scan
    assert sum("unrolled" in line for line in said) == sum(not way.scan for way in asked)
    assert '"scan": False' in search.verdict("h100:8", now, best)
    given = [word.removeprefix("--config.") for word in best.way.overrides()]
    assert not load_config("configs/flan_t5.py:base", given).model.fields["scan"]


def test_a_way_without_options_takes_away_those_of_the_config():
    given = [word.removeprefix("--config.") for word in Way("dots", (), FSDP, 1).overrides()]
    base = ["train.xla_options=xla_tpu_enable_flash=true"]
    assert load_config("configs/flan_t5.py:base", [*base, *given]).train.xla_options == ()


def test_scanned_layers_are_said_where_the_config_unrolls_them():
    given = [word.removeprefix("--config.") for word in Way("dots", (), FSDP, 1, scan=True).overrides()]
    assert load_config("configs/quickstart.py", given).model.fields["scan"]


def test_of_ways_that_are_as_good_the_one_is_taken_that_takes_less_if_nothing_overlaps():
    def way(seconds, serial):
        return Tried(Way("none", (), FSDP, 1), seconds, serial, "compute", 0.5, 1)

    assert search.best_of([way(1.0, 3.0), way(1.04, 2.0), way(1.06, 1.0)]).seconds == 1.04


def test_a_mesh_that_the_batch_does_not_divide_over_is_not_tried(eight_fake_chips, monkeypatch):
    asked = scripted(monkeypatch, lambda way: roofline(1))
    search.search(config(data={"batch_size": 4, "num_streams": 4}, mesh={"tensor": 2}), "v5e:2x4")
    assert {way.mesh for way in asked} == {MeshConfig(tensor=2)}


def test_what_does_not_fit_is_passed_over_and_nothing_that_fits_is_an_error(eight_fake_chips, monkeypatch):
    said = []
    scripted(monkeypatch, lambda way: roofline(1), fits=lambda way: way.remat == "full")
    now, best = search.search(config(), "v5e:2x4", said.append)
    assert now is None
    assert best.way.remat == "full"
    assert sum("does not fit" in line for line in said) == 7
    asked = scripted(monkeypatch, lambda way: roofline(1))
    search.search(config(train={"microbatches": "auto"}), "v5e:2x4")
    assert len(set(asked)) == len(asked)  # what the config says is not compiled twice
    assert "as configured: does not fit" in search.verdict("v5e:2x4", now, best)
    said.clear()
    with pytest.raises(ConfigError, match=r"topology is 'v5:2x4', expected"):
        search.search(config(), "v5:2x4", said.append)
    assert not said
    scripted(monkeypatch, lambda way: roofline(1), fits=lambda way: False)
    with pytest.raises(ConfigError, match=r"tiny fits v5e:2x4 in no way. Use more chips, a smaller batch"):
        search.search(config(), "v5e:2x4")


def test_a_step_of_each_length_pair_counts_as_often_as_it_is_taken(eight_fake_chips, monkeypatch):
    features = {"inputs_length": 32, "targets_length": 16, "lengths": ((32, 8), (32, 16), (32, 8))}
    made = config(data={"batch_size": 8, "num_streams": 4, "features": features})
    report = aot.compile_training(made, "v5e:2x4")
    each = {one.what: aot.times(one, "v5e:2x4").overlapped_seconds for one in (report, *report.shorter)}
    long, short = each[f"{aot.TRAINING}, rows of 32 + 16"], each[f"{aot.TRAINING}, rows of 32 + 8"]
    found = search._tried(Way("none", (), FSDP, 1), report, made, "v5e:2x4")
    assert found.seconds == pytest.approx(long + 2 * short)
    assert found.way.microbatches == 1


def test_the_command_prints_the_table_and_options_that_give_the_best_way(eight_fake_chips, monkeypatch, tmp_path, capsys):
    scripted(monkeypatch, lambda way: roofline(8 if way.remat == "dots" and way.xla_options else 9))
    file = tmp_path / "tiny.py"
    values = {"name": "tiny", "mixture": config().mixture, "model": dict(config().model.fields)}
    file.write_text(f"from ml_collections import ConfigDict\n\n\ndef get_config():\n    return ConfigDict({values!r})\n")
    command = ["compile", "--config", str(file), "--topology", "v5e:2x4", "--search", "--config.data.num_streams=4"]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("| ") for line in lines) == 1 + 9 + 3 + 1
    best = load_config(str(file), [word.removeprefix("--config.") for word in lines[-1].split()])
    assert (best.model.fields["remat"], best.train.microbatches, best.train.xla_options) == ("dots", 1, GATHER_FIRST)
    assert best.mesh == FSDP
