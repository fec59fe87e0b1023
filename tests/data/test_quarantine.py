"""A data set that cannot be opened leaves the mixture with its root cause, and everything that names the mixture says so."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanjax import checkpoint, open_run
from flanjax.cli import main
from flanjax.config import ConfigError
from flanjax.data.corpus import DataConfig, open_rows
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.quarantine import find_causes, quarantine, root_cause
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.describe.plan import describe
from flanjax.describe.samples import sample
from flanjax.report.page import write_report
from flanjax.run.opened import iterate
from flanjax.sources import SourceError, csv, jsonl, parquet, rows
from flanjax.tasks import registry
from flanjax.tasks.mixture import Mixture, Part, proportional, temperature
from flanjax.tasks.task import Example, Task
from flanjax.tasks.template import Template

pytestmark = pytest.mark.usefixtures("one_device")

DATA = [{"text": f"row number {n} of many"} for n in range(40)]


class Gated:
    """A source that refuses to be opened, as the hub does."""

    name = "hub:gated/set"

    def open(self, split):
        try:
            try:
                raise PermissionError("401: access to gated/set is restricted\nand more")
            except PermissionError as error:
                raise OSError("cannot fetch") from error
        except OSError as error:
            raise SourceError("hub:gated/set cannot be opened") from error


def task(name, source, **more):
    read = lambda row: Example({"text": row["text"]}, "yes")  # noqa: E731
    return Task(name=name, cluster=name, source=source, example=read, templates=[Template("Read: {{ text }}")], **more)


@pytest.fixture
def folder(tmp_path):
    """A good file, one that is cut off, and one that is not there; good.parquet is what the damaged one should be."""
    pq.write_table(pa.Table.from_pylist(DATA), tmp_path / "good.parquet")
    (tmp_path / "damaged.parquet").write_bytes((tmp_path / "good.parquet").read_bytes()[:200])
    (tmp_path / "bad_row.jsonl").write_text("{broken\n" + json.dumps(DATA[0]) + "\n")
    return tmp_path


def tasks(folder):
    return [
        task("good", parquet(train=folder / "good.parquet")),
        task("memory", rows("memory", train=DATA)),
        task("damaged", parquet(train=folder / "damaged.parquet")),
        task("missing", jsonl(train=folder / "missing.jsonl", name="missing")),
        task("gated", Gated()),
        task("bad_row", jsonl(train=folder / "bad_row.jsonl")),
    ]


def mixture(folder, **more):
    return Mixture(name="mix", parts=tasks(folder), **{"rate": proportional(cap=2), **more})


def test_what_cannot_be_opened_is_named_with_its_root_cause_and_bad_rows_stay_bad_rows(folder):
    causes = find_causes(tasks(folder))
    assert causes.keys() == {"damaged", "missing", "gated"}
    assert "damaged.parquet" in causes["damaged"]
    assert "missing.jsonl" in causes["missing"]
    assert causes["gated"] == "hub:gated/set cannot be opened: PermissionError: 401: access to gated/set is restricted"
    assert find_causes(tasks(folder)[:2]) == {}


def test_data_that_can_be_counted_and_not_read_is_found_by_reading(folder):
    whole = bytearray((folder / "good.parquet").read_bytes())
    whole[4:60] = bytes(56)  # the first pages; the number of rows stands at the end
    (folder / "hollow.parquet").write_bytes(whole)
    hollow = task("hollow", parquet(train=folder / "hollow.parquet"))
    assert find_causes([hollow]).keys() == {"hollow"}
    assert find_causes([hollow], read=False) == {}


def test_a_table_that_cannot_be_read_to_its_end_is_no_bad_row(folder):
    (folder / "open_quote.csv").write_text('text,label\nx,1\n"y,2\n')
    causes = find_causes([task("open_quote", csv(train=folder / "open_quote.csv")), *tasks(folder)[:1]])
    assert causes.keys() == {"open_quote"}
    assert "open_quote.csv:3: unexpected end of data" in causes["open_quote"]


def test_a_root_cause_is_told_once():
    error = ValueError("it is broken: no such file")
    error.__cause__ = OSError("no such file")
    assert root_cause(error) == "it is broken: no such file"
    assert root_cause(KeyError()) == "KeyError"


def test_the_mixtures_name_counts_data_sets_and_its_shares_stand_beside_the_published_ones(folder):
    found = quarantine(mixture(folder), find_causes(tasks(folder)))
    assert found.mixture.name == "mix (3 of 6 data sets)"
    assert found.published == {t.name: pytest.approx(1 / 6) for t in tasks(folder)}
    shares = {e.task.name: e.share for e in found.mixture.resolve({"good": 40, "memory": 40, "bad_row": 2})}
    assert shares == {name: pytest.approx(1 / 3) for name in ("good", "memory", "bad_row")}


def test_two_tasks_of_one_data_set_count_once(folder):
    good, memory, damaged, *_ = tasks(folder)
    again = task("again", damaged.source)
    whole = Mixture(name="mix", parts=[good, memory, damaged, again])
    assert quarantine(whole, find_causes(whole.tasks())).mixture.name == "mix (2 of 3 data sets)"


def test_published_shares_are_not_guessed_where_they_depend_on_a_size_that_is_unknown(folder):
    for rate in (proportional(), temperature(2.0)):
        whole = mixture(folder, rate=rate)
        assert quarantine(whole, find_causes(whole.tasks())).published == {}
    good, memory, _, missing, *_ = tasks(folder)
    weighted = Mixture(name="mix", parts=[Part(good, 1), Part(memory, 2), Part(missing, 5)])
    published = quarantine(weighted, find_causes(weighted.tasks())).published
    assert published == {"good": 0.125, "memory": 0.25, "missing": 0.625}


def test_a_mixture_of_which_nothing_can_be_opened_is_an_error(folder):
    whole = Mixture(name="mix", parts=tasks(folder)[2:5])
    with pytest.raises(SourceError, match=r"none of its data sets can be opened \(damaged: .*gated: .*401"):
        quarantine(whole, find_causes(whole.tasks()))


def test_without_the_quarantine_the_first_data_set_that_cannot_be_opened_stops(folder):
    with pytest.raises(SourceError, match="damaged"):
        open_rows(mixture(folder))
    config = DataConfig(batch_size=2, num_streams=2, features=FeatureConfig(layout="encoder_decoder"), max_bad_share=1)
    with pytest.raises(SourceError, match="damaged"):
        iterate(mixture(folder), ByteTokenizer(), config)
    going_on = DataConfig(**{**vars(config), "on_error": "quarantine"})
    assert next(iterate(mixture(folder), ByteTokenizer(), going_on))["targets"].any()


def test_a_description_and_samples_go_on_without(folder):
    found = describe(mixture(folder), ByteTokenizer())
    assert found.mixture == "mix (3 of 6 data sets)"
    assert list(found.missing) == ["damaged", "missing", "gated"]
    assert [round(found.published[name], 3) for name in found.missing] == [0.167] * 3
    assert [round(t.published_share, 3) for t in found.tasks] == [0.167] * 3
    shown = sample(mixture(folder), ByteTokenizer(), count=9, on_error="quarantine")
    assert {s.task for s in shown} >= {"good", "memory"}


MIXTURE = """
from pathlib import Path
from flanjax import Example, Mixture, Task, Template, parquet, proportional, rows

HERE = Path(__file__).parent


def task(name, source):
    return Task(
        name=name, cluster=name, source=source, templates=[Template("Read: {{ text }}")],
        example=lambda row: Example({"text": row["text"]}, "yes"), evaluation="train",
    )


def file(name):
    return task(name, parquet(train=HERE / f"{name}.parquet"))


guess = task("guess", rows("guess", train=[{"text": f"guess this {n}"} for n in range(9)]))
mix = Mixture(name="mix", parts=[file("good"), file("other"), file("damaged"), guess], rate=proportional(cap=2))
"""
SHAPE = {"d_model": 16, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8}


@pytest.fixture
def home(folder):
    shutil.copy(folder / "good.parquet", folder / "other.parquet")
    (folder / "mix.py").write_text(MIXTURE)
    return folder


def run(home, steps, on_error="quarantine"):
    said = []
    registry._module.cache_clear()  # another process would read the files anew
    config = {
        "name": "toy", "mixture": f"{home}/mix.py:mix", "heldout": ("guess",), "model": SHAPE, "tokenizer": {"path": "bytes"},
        "data": {
            "batch_size": 8, "num_streams": 2, "window": 32, "on_error": on_error,
            "features": {"inputs_length": 96, "targets_length": 16},
        },
        "train": {"steps": steps, "log_every": 1, "tensorboard": False},
        "evaluation": {"items": 2, "batch_size": 8},
    }  # fmt: skip
    found = open_run(config, workdir=home / "run", log=said.append)
    found.train()
    return found, "\n".join(said)


def test_show_lists_what_is_in_quarantine_and_fails_where_the_run_would_stop(home, capsys):
    command = ["show", f"{home}/mix.py:mix", "--heldout", "guess", "--sample", "20"]
    for more, status in (([], 1), (["--on-error", "quarantine"], 0)):
        assert main([*command, *more]) == status
        said = " ".join(capsys.readouterr().out.split())
        assert "mix (2 of 3 data sets)" in said
        assert "task damaged (33.33% of the whole mixture): its data cannot be opened:" in said
        assert "published %" in said


def test_a_run_says_everywhere_what_it_is_trained_without_and_stays_without_it(home):
    found, said = run(home, 2)
    assert "the mixture is mix (2 of 3 data sets)" in said
    assert "  damaged (" in said
    meta = checkpoint.read_meta(home / "run")[1]
    assert meta["split"]["mixture"] == "mix (2 of 3 data sets)"
    assert meta["split"]["quarantined"].keys() == {"damaged"}
    assert sorted(meta["split"]["train"]) == ["good", "other"]
    record = json.loads((home / "run/mixture.json").read_text())
    assert record["mixture"] == "mix (2 of 3 data sets)"
    assert [(q["task"], q["published_share"]) for q in record["quarantined"]] == [("damaged", pytest.approx(1 / 3))]
    assert [(t["published_share"], t["asked_share"]) for t in record["tasks"]] == [(pytest.approx(1 / 3), 0.5)] * 2
    page = write_report([home / "run"], home / "report.html").read_text()
    assert page.count("mix (2 of 3 data sets)") >= 2
    assert "In quarantine" in page
    assert "Tasks in quarantine" in page
    found.export(home / "exported")
    assert "mix.py:mix, as mix (2 of 3 data sets)" in (home / "exported/README.md").read_text()
    lines = []
    open_run(found.config, workdir=home / "run", log=lines.append).heldout()
    assert not any("has changed" in line for line in lines)

    # Mended meanwhile, the data set stays out, because the plan is made without it.
    shutil.copy(home / "good.parquet", home / "damaged.parquet")
    _, said = run(home, 3)
    assert "going on from step 2" in said
    assert "  damaged (" in said
    with pytest.raises(ConfigError, match=r"damaged: in quarantine since the run began; set data.on_error=quarantine"):
        run(home, 4, on_error="stop")
    (home / "other.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match="other, which the run is trained on, cannot be opened"):
        run(home, 4)
