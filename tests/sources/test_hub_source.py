"""The hub: through a mirror, and through `datasets`, with the same rows."""

import os
import pathlib
import pickle
import subprocess
import sys

import datasets
import pyarrow.parquet as pq
import pytest

from flanjax.sources import SourceError, hub

FEATURES = datasets.Features(
    {
        "question": datasets.Value("string"),
        "choices": datasets.Sequence({"text": datasets.Value("string"), "label": datasets.Value("string")}),
        "label": datasets.ClassLabel(names=["no", "yes"]),
    }
)
ROWS = [
    {"question": f"Is {i} even? 🦉", "choices": {"text": ["No", "Yes"], "label": ["A", "B"]}, "label": (i + 1) % 2}
    for i in range(40)
]
real_mirror = pytest.mark.skipif("FLANJAX_HUB_MIRROR" not in os.environ, reason="needs FLANJAX_HUB_MIRROR")


def dataset(num_rows=40):
    return datasets.Dataset.from_list(ROWS, features=FEATURES).select(range(num_rows))


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    def add(path, num_rows=40):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        dataset(num_rows).to_parquet(tmp_path / path)

    for config in ("rte", "wnli", "cola"):
        add(f"nyu-mll/glue/{config}/train.parquet")
        add(f"nyu-mll/glue/{config}/validation.parquet", 7)
    add("openai/gsm8k/main/train.parquet")
    add("mpqa/default/train.parquet")
    add("many/both/default/train.parquet")
    add("many/both/other/train.parquet", 1)
    monkeypatch.setenv("FLANJAX_HUB_MIRROR", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_mirror(monkeypatch):
    monkeypatch.delenv("FLANJAX_HUB_MIRROR", raising=False)


def serve(monkeypatch, answer, splits=None):
    """Stand in for the network; the calls that were made."""
    calls = []

    def load_dataset(path, name=None, *, split, revision=None):
        calls.append((path, name, split, revision))
        if isinstance(answer, Exception):
            raise answer
        return answer

    class Builder:
        info = datasets.DatasetInfo(splits=splits)

    def load_dataset_builder(path, name=None, *, revision=None):
        calls.append((path, name, "builder", revision))
        if isinstance(answer, Exception):
            raise answer
        return Builder()

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(datasets, "load_dataset_builder", load_dataset_builder)
    return calls


def test_rows_are_the_same_through_the_mirror_and_through_datasets(mirror, monkeypatch):
    mirrored = list(hub("nyu-mll/glue", "rte").open("train[10:]"))
    monkeypatch.delenv("FLANJAX_HUB_MIRROR")
    calls = serve(monkeypatch, dataset())
    source = hub("nyu-mll/glue", "rte", revision="abc")
    loaded = list(source.open("train[10:]"))
    assert loaded == mirrored == ROWS[10:] == list(dataset())[10:]
    assert calls == [("nyu-mll/glue", "rte", "train", "abc")]
    source.open("train[:3]")
    assert len(calls) == 1


@pytest.mark.usefixtures("no_mirror")
def test_a_filtered_or_shuffled_dataset_keeps_its_order(monkeypatch):
    serve(monkeypatch, dataset().select([5, 3, 30]))
    assert list(hub("nyu-mll/glue").open("train")) == [ROWS[5], ROWS[3], ROWS[30]]


@pytest.mark.usefixtures("no_mirror")
def test_a_dataset_mapped_from_disk_in_many_chunks_gives_its_rows(tmp_path, monkeypatch):
    dataset().save_to_disk(tmp_path / "saved", num_shards=4)
    serve(monkeypatch, datasets.load_from_disk(str(tmp_path / "saved")))
    assert hub("nyu-mll/glue").open("train").__getitems__([39, 0, 17]) == [ROWS[39], ROWS[0], ROWS[17]]


@pytest.mark.usefixtures("no_mirror")
def test_counting_on_the_hub_asks_for_its_metadata_only(monkeypatch):
    splits = datasets.SplitDict({"train": datasets.SplitInfo("train", num_examples=40)})
    calls = serve(monkeypatch, dataset(), splits)
    source = hub("nyu-mll/glue", "rte")
    assert source.num_rows("train[:75%]") == 30
    assert {call[2] for call in calls} == {"builder"}
    with pytest.raises(SourceError, match=r"no split 'trian'. It has: train. Nearest: train"):
        source.num_rows("trian")


@pytest.mark.usefixtures("no_mirror")
def test_counting_without_metadata_loads(monkeypatch):
    calls = serve(monkeypatch, dataset())
    assert hub("nyu-mll/glue").num_rows("train") == 40
    assert [call[2] for call in calls] == ["builder", "train"]


@pytest.mark.usefixtures("no_mirror")
@pytest.mark.parametrize("error", [ValueError("Unknown split 'trian'"), ConnectionError("no route"), RuntimeError("gated")])
def test_a_hub_that_fails_is_an_error_with_the_id_the_cause_and_the_ways_out(monkeypatch, error):
    serve(monkeypatch, error)
    for ask in (hub("nyu-mll/glue", "rte").open, hub("nyu-mll/glue", "rte").num_rows):
        with pytest.raises(SourceError) as caught:
            ask("trian")
        text = str(caught.value)
        for part in (
            "'nyu-mll/glue'",
            "'rte'",
            "'trian'",
            type(error).__name__,
            str(error),
            "FLANJAX_HUB_MIRROR",
            "Check the id",
        ):
            assert part in text
        assert caught.value.__cause__ is error
        assert "refs/convert/parquet" not in text


@pytest.mark.usefixtures("no_mirror")
def test_a_data_set_of_the_old_script_kind_is_pointed_to_its_parquet_copy(monkeypatch):
    serve(monkeypatch, RuntimeError("Dataset scripts are no longer supported, but found piqa.py"))
    with pytest.raises(SourceError, match="refs/convert/parquet"):
        hub("ybisk/piqa").open("train")


@pytest.mark.usefixtures("no_mirror")
def test_an_empty_data_set_is_an_error(monkeypatch):
    serve(monkeypatch, dataset(0))
    with pytest.raises(SourceError, match="split 'train' has no rows"):
        hub("nyu-mll/glue").open("train")


def test_the_mirror_is_read_from_the_environment_when_opened(mirror, monkeypatch):
    source = hub("nyu-mll/glue", "rte")
    monkeypatch.setenv("FLANJAX_HUB_MIRROR", str(mirror / "nowhere"))
    with pytest.raises(SourceError, match=r"FLANJAX_HUB_MIRROR is .*nowhere, which is not a folder"):
        source.open("train")
    monkeypatch.setenv("FLANJAX_HUB_MIRROR", str(mirror))
    assert source.num_rows("validation+train[:3]") == 10
    assert pickle.loads(pickle.dumps(source)).open("validation")[0] == ROWS[0]


@pytest.mark.usefixtures("mirror")
def test_counting_in_the_mirror_decodes_nothing(monkeypatch):
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_: pytest.fail("decoded"))
    assert hub("nyu-mll/glue", "rte").range("train[50%:]+validation") == (("train", 20, 40), ("validation", 0, 7))


@pytest.mark.usefixtures("mirror")
def test_without_a_configuration_the_only_one_or_the_default_is_read():
    assert hub("openai/gsm8k").num_rows("train") == 40
    assert hub("mpqa").num_rows("train") == 40
    assert hub("many/both").num_rows("train") == 40
    with pytest.raises(SourceError, match="hub:nyu-mll/glue has 3 configurations, name one of them: cola, rte, wnli"):
        hub("nyu-mll/glue").open("train")


@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize(
    ("path", "config", "split", "message"),
    [
        ("glue", None, "train", r"no data set 'glue'. Nearest: nyu-mll/glue"),
        ("openai/gsm8", None, "train", r"no data set 'openai/gsm8'. Nearest: openai/gsm8k"),
        ("MPQA", None, "train", r"Nearest: mpqa\."),
        ("zzzzzz", None, "train", "No id there is like it"),
        ("nyu-mll/glue", "rt", "train", "no configuration 'rt'. It has: cola, rte, wnli. Nearest: rte"),
        (
            "nyu-mll/glue",
            "rte",
            "valid",
            r"hub:nyu-mll/glue/rte has no split 'valid'. It has: train, validation. Nearest: valid",
        ),
    ],
)
def test_a_wrong_id_configuration_or_split_is_an_error_with_the_nearest(path, config, split, message):
    with pytest.raises(SourceError, match=message):
        hub(path, config).open(split)


def test_empty_files_and_tables_in_the_mirror_are_errors_that_name_the_file(mirror):
    (mirror / "mpqa/default/test.parquet").write_bytes(b"")
    dataset(0).to_parquet(mirror / "mpqa/default/validation.parquet")
    with pytest.raises(SourceError, match=r"mpqa/default/test.parquet is an empty file"):
        hub("mpqa").open("test")
    with pytest.raises(SourceError, match=r"mpqa/default/validation.parquet has no rows"):
        hub("mpqa").open("validation")


def test_a_configuration_inside_of_the_id_is_refused_with_the_fix():
    with pytest.raises(SourceError, match=r'Did you mean hub\("nyu-mll/glue", "rte"\)'):
        hub("nyu-mll/glue/rte")


def test_names_are_identities():
    assert hub("nyu-mll/glue", "rte").name == "hub:nyu-mll/glue/rte"
    assert hub("openai/gsm8k", revision="abc").name == "hub:openai/gsm8k"
    assert hub("openai/gsm8k") == hub("openai/gsm8k") != hub("openai/gsm8k", "main")


def test_importing_sources_imports_neither_arrow_nor_datasets_nor_jax():
    code = "import sys, flanjax.sources; print(sorted({'pyarrow', 'datasets', 'jax', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def mirrored_splits():
    root = pathlib.Path(os.environ.get("FLANJAX_HUB_MIRROR", ""))
    for file in sorted(root.glob("**/*.parquet")):
        *path, config, _ = file.relative_to(root).parts
        yield "/".join(path), config, file


@real_mirror
def test_every_split_of_the_real_mirror_opens_with_the_rows_that_datasets_shows(tmp_path):
    checked = 0
    for path, config, file in mirrored_splits():
        source = hub(path, config)
        opened = source.open(file.stem)
        assert len(opened) == source.num_rows(file.stem) > 0
        ends = sorted({0, len(opened) // 2, len(opened) - 1})
        shown = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path)) if checked % 20 == 0 else None
        assert shown is None or opened.__getitems__(ends) == [shown[i] for i in ends]
        checked += 1
    assert checked > 100


@real_mirror
def test_a_sequence_of_dicts_is_a_dict_of_lists_and_a_class_label_an_integer():
    row = hub("allenai/ai2_arc", "ARC-Easy").open("test")[0]
    assert sorted(row["choices"]) == ["label", "text"]
    assert row["choices"]["label"] == ["A", "B", "C", "D"]
    assert {row["label"] for row in hub("nyu-mll/glue", "rte").open("train")} == {0, 1}
