"""Prepared windows: read from files they equal those made during training, and different or damaged files are named."""

import dataclasses
import importlib
import itertools
import json
import shutil
import sys

import fsspec
import numpy as np
import pytest
from batch_checks import joined, same, take
from etils import epath
from etils.epath import backend as epath_backend

from flanjax.cli import main
from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.data_stats import DataError, DataStats
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import make_features
from flanjax.data.layout import make_layout
from flanjax.data.offline.prepared import Prepared, digest, identity_of, manifest_of, num_steps, verify, write_manifest
from flanjax.data.offline.shards import PARTS, Shard, make_shard, read_part
from flanjax.data.offline.window_records import Label, decode_window, encode_window
from flanjax.data.pipeline import BatchIterator, DataState, Host
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.data.windows import Window, make_window
from flanjax.sources import rows
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Example, SkipRow, Task
from flanjax.tasks.template import Template

CONFIG = DataConfig(
    batch_size=8, num_streams=4, window=12, features=FeatureConfig(inputs_length=160, targets_length=32), max_bad_share=1.0
)
STYLES, BYTES = StyleShares(max_shots=2), ByteTokenizer()
WINDOWS = 7


def read(row):
    if row.get("skip"):
        raise SkipRow("on purpose")
    return Example({"q": row["q"]}, row["a"], ("yes", "no"))


def task(name, data, template="Is {{ q }}?", example=read):
    templates = [Template(template), Template("{{ options }}\n{{ q }}")]
    return Task(name=name, cluster=name, source=rows(name, train=data), templates=templates, example=example)


PLAIN = [{"q": f"a {i} " + "x" * (i % 50), "a": "yes" if i % 3 else "no"} for i in range(37)]
# b leaves rows out and has bad ones, so that windows differ in their number of rows.
UNEVEN = [{"q": f"{'y' * (3 * i % 100)}{i}", "a": "yes", "skip": i % 3 == 0} if i % 5 else {"q": "bad"} for i in range(50)]


def corpus_of(*tasks, styles=STYLES, tokenizer=BYTES, **changes):
    tasks = tasks or (task("a", PLAIN), task("b", UNEVEN))
    mixture = Mixture(name="m", parts=tasks, styles=styles)
    return open_corpus(mixture, open_rows(mixture), tokenizer, dataclasses.replace(CONFIG, **changes))


def prepare(directory, corpus, windows=WINDOWS, windows_a_shard=3):
    """A finished directory, made here and in the order of the calls."""
    identity = identity_of(corpus)
    stats, shards, row = DataStats(len(corpus.entries)), [], {}
    for stream, first in itertools.product(range(corpus.config.num_streams), range(0, windows, windows_a_shard)):
        shard = Shard(stream, first, min(windows_a_shard, windows - first))
        make_shard(directory, shard, corpus, digest(identity))
        record = read_part(directory, shard, digest(identity))
        stats.merge(DataStats.from_json(record.pop("tally")))
        row = record.pop("arrays") or row
        shards.append(record)
    write_manifest(directory, manifest_of({}, corpus, identity, shards, stats, row))
    return directory


CORPUS = corpus_of()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("prepared"), CORPUS)


@pytest.fixture
def copied(directory, tmp_path):
    return shutil.copytree(directory, tmp_path / "copied")


def hosts(count, source, state=None, corpus=CORPUS):
    return [BatchIterator(corpus, Host(i, count), state, source) for i in range(count)]


def state_of(iterators):
    return DataState.from_json(json.loads(json.dumps(DataState.merge([i.state().to_json() for i in iterators]))))


@pytest.fixture(scope="module")
def steps(directory):
    steps = Prepared(directory).num_steps(CONFIG)
    assert steps >= 15
    return steps


@pytest.mark.parametrize("count", [1, 2, 4])
def test_prepared_batches_are_those_made_on_the_fly_on_any_number_of_hosts(directory, steps, count):
    read = hosts(count, Prepared(directory))
    made = BatchIterator(CORPUS)
    same(joined([take(h, steps) for h in read]), take(made, steps))
    assert state_of(read).streams == made.state().streams
    assert state_of(read).stats.to_json()["counts"] == made.state().stats.to_json()["counts"]


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 4), (4, 1)])
@pytest.mark.parametrize("at", [1, 4, 9])
@pytest.mark.parametrize("read_first", [True, False])
def test_a_run_may_go_over_from_prepared_rows_to_its_own_and_back(directory, steps, before, after, at, read_first):
    sources = (Prepared(directory), None) if read_first else (None, Prepared(directory))
    first = hosts(before, sources[0])
    begun = [take(h, at) for h in first]
    state = state_of(first)
    assert at == 1 or any(row for _, row in state.streams.values())
    rest = hosts(after, sources[1], state)
    went_on = [take(h, steps - at) for h in rest]
    whole = BatchIterator(CORPUS)
    same([*joined(begun), *joined(went_on)], take(whole, steps))
    assert state_of(rest).stats.to_json()["counts"] == whole.state().stats.to_json()["counts"]


@pytest.mark.parametrize("changes", [{"num_threads": 4, "prefetch_windows": 9}, {"num_workers": 1}])
def test_threads_and_workers_read_the_same(directory, changes):
    corpus = corpus_of(**changes)
    same(take(BatchIterator(corpus, prepared=Prepared(directory)), 6), take(BatchIterator(CORPUS), 6))


def test_another_batch_size_is_served_by_the_same_windows(directory, steps):
    corpus = corpus_of(batch_size=16)
    found = Prepared(directory).num_steps(corpus.config)
    assert steps // 2 - 1 <= found <= steps // 2
    same(take(BatchIterator(corpus, prepared=Prepared(directory)), found), take(BatchIterator(corpus), found))


def test_past_the_end_is_an_error_and_not_a_repetition(directory, steps):
    batches = BatchIterator(CORPUS, prepared=Prepared(directory))
    take(batches, steps)
    with pytest.raises(DataError, match="the 7 prepared windows of a stream are used up"):
        take(batches, 2)
    at_the_end = DataState(dict.fromkeys(range(4), (WINDOWS, 0)), DataStats(2))
    with pytest.raises(DataError, match="used up"):
        next(BatchIterator(CORPUS, state=at_the_end, prepared=Prepared(directory)))


def test_the_manifest_counts_what_the_windows_hold(directory):
    manifest = Prepared(directory).manifest
    windows = [make_window(CORPUS, s, n) for s in range(4) for n in range(WINDOWS)]
    stats = DataStats(2)
    for window in windows:
        stats.merge(window.stats)
    assert manifest["rows"] == stats.rows == sum(len(w.rows) for w in windows) == sum(s["rows"] for s in manifest["shards"])
    assert manifest["examples"] == stats.counts["examples"].sum() == sum(s["examples"] for s in manifest["shards"])
    assert manifest["bad"] > 0
    assert manifest["left_out"] > 0
    assert manifest["tally"] == stats.to_json()
    assert manifest["steps"] == num_steps([sum(len(w.rows) for w in windows[s * 7 : s * 7 + 7]) for s in range(4)], CONFIG)
    assert manifest["row"] == {name: [a.dtype.str, list(a.shape)] for name, a in windows[0].rows[0].items()}
    assert not (directory / PARTS).exists()


def test_shards_do_not_depend_on_the_order_in_which_they_are_made(directory, tmp_path):
    data = digest(identity_of(CORPUS))
    for shard in reversed(Prepared(directory).manifest["shards"]):
        make_shard(tmp_path, Shard.of(shard), corpus_of(), data)
        assert (tmp_path / shard["file"]).read_bytes() == (directory / shard["file"]).read_bytes()


def test_an_unfinished_directory_cannot_be_read(directory, tmp_path):
    with pytest.raises(DataError, match=r"no manifest\.json there"):
        Prepared(tmp_path)
    make_shard(tmp_path, Shard(0, 0, 2), CORPUS, "x")
    (tmp_path / "job.json").write_text("{}")
    with pytest.raises(DataError, match="it is unfinished; run the same `flanjax prepare` again"):
        Prepared(tmp_path)


def test_a_shard_that_is_there_is_read_and_one_that_is_damaged_is_made_again(directory, tmp_path):
    data, shard = digest(identity_of(CORPUS)), Shard(1, 0, 3)
    shutil.copy(directory / shard.file, tmp_path)
    made = []
    corpus = CORPUS._replace(plan=None)  # nothing can be made of this one
    make_shard(tmp_path, shard, corpus, data)
    made.append(read_part(tmp_path, shard, data))
    shutil.rmtree(tmp_path / PARTS)
    damage(tmp_path / shard.file)
    with pytest.raises(AttributeError):
        make_shard(tmp_path, shard, corpus, data)
    assert not list(tmp_path.glob("*.tmp"))
    make_shard(tmp_path, shard, CORPUS, data)
    assert read_part(tmp_path, shard, data) == made[0]
    assert (tmp_path / shard.file).read_bytes() == (directory / shard.file).read_bytes()


def test_a_shard_of_other_data_or_of_another_size_counts_as_not_made(tmp_path):
    shard, other = Shard(0, 0, 2), corpus_of(seed=9)
    make_shard(tmp_path, shard, CORPUS, "one")
    before = (tmp_path / shard.file).read_bytes()
    assert read_part(tmp_path, shard, "two") is None
    make_shard(tmp_path, shard, other, "two")
    assert read_part(tmp_path, shard, "two") is not None
    assert (tmp_path / shard.file).read_bytes() != before
    (tmp_path / shard.file).write_bytes(before[:-1])
    assert read_part(tmp_path, shard, "two") is None


def damage(path, at=None):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 255
    path.write_bytes(content)


def test_a_damaged_shard_is_named_when_its_first_window_is_read(copied):
    file = Shard(2, 3, 3).file
    damage(copied / file, at=1000)  # inside a record
    source = Prepared(copied)
    same(source(2, 0).rows, make_window(CORPUS, 2, 0).rows)
    with pytest.raises(DataError, match=rf"{file} is damaged: sha256 .*record \d cannot be read.*Delete it and run"):
        take(BatchIterator(CORPUS, prepared=source), 100)
    with pytest.raises(DataError, match=rf"1 faults in 12 shards: .*{file} is damaged"):
        verify(copied)


def test_a_shard_that_is_cut_or_missing_is_named_before_training(copied):
    source = Prepared(copied)
    source.check_sizes(range(4))
    cut, missing = (copied / Shard(s, 3, 3).file for s in (1, 3))
    cut.write_bytes(cut.read_bytes()[:-7])
    missing.unlink()
    source.check_sizes([0, 2])
    with pytest.raises(DataError, match=rf"{cut.name} has [\d,]+ bytes, expected"):
        source.check_sizes([1])
    with pytest.raises(DataError, match=rf"{missing.name} is missing"):
        source.check_sizes([3])
    with pytest.raises(DataError, match=r"2 faults in 12 shards"):
        verify(copied)


def test_a_directory_in_a_bucket_is_written_and_read_alike(monkeypatch, directory):
    in_memory = fsspec.filesystem("memory")
    monkeypatch.setattr(type(epath_backend.fsspec_backend), "_get_filesystem", lambda self, name: in_memory)
    bucket = epath.Path("gs://bucket/rows")
    bucket.mkdir(parents=True, exist_ok=True)
    prepare(bucket, CORPUS)
    for path in bucket.iterdir():
        assert path.read_bytes() == (directory / path.name).read_bytes()
    same(take(BatchIterator(CORPUS, prepared=Prepared("gs://bucket/rows")), 10), take(BatchIterator(CORPUS), 10))
    assert verify(bucket) == verify(directory)


def test_a_shard_in_anothers_place_is_named_even_if_the_manifest_agrees(copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    here, there = (next(s for s in manifest["shards"] if (s["stream"], s["first"]) == (n, 0)) for n in (0, 1))
    shutil.copy(copied / there["file"], copied / here["file"])
    here |= {k: there[k] for k in ("bytes", "sha256", "rows", "examples")}
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"record 0 is Label\(.*stream=1, window=0\), expected Label\(.*stream=0, window=0\)"):
        Prepared(copied)(0, 0)


def test_verify_finds_a_manifest_that_counts_wrong(copied):
    assert verify(copied)["rows"] == Prepared(copied).manifest["rows"]
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["shards"][3]["rows"] += 1
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"rows \d+, expected \d+; .*manifest.json: rows is \d+, its shards have \d+"):
        verify(copied)


def test_a_manifest_of_another_format_is_refused(copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    (copied / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(DataError, match="has format 99, this version reads 2"):
        Prepared(copied)


class OtherBytes(ByteTokenizer):
    fingerprint = "another"


def my_features(*args):
    return make_features(*args)


@pytest.mark.parametrize("change", [{"file": "/etc/hostname"}, {"file": "../stream"}, {"file": 7}, {"stream": "0"}], ids=str)
def test_a_manifest_leads_nowhere_but_to_shards_beside_it(change, copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["shards"][0] |= change
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"manifest\.json: shards (has the file|is no list)"):
        Prepared(copied)


def changed(example):
    return lambda row: example(row)._replace(answer="no")


@pytest.mark.parametrize(
    ("other", "part"),
    [
        (lambda: corpus_of(seed=1), "plan"),
        (lambda: corpus_of(window=13), "data"),
        (lambda: corpus_of(num_streams=2), "data"),
        (lambda: corpus_of(features=FeatureConfig(inputs_length=161, targets_length=32)), "data"),
        (lambda: corpus_of(features=FeatureConfig(inputs_length=160, targets_length=32, weighting="examples")), "data"),
        (lambda: corpus_of(task("a", PLAIN), task("b", UNEVEN[:-1])), "plan"),
        (lambda: corpus_of(task("a", PLAIN, "Is it {{ q }}?"), task("b", UNEVEN)), "tasks"),
        (lambda: corpus_of(task("a", PLAIN, example=changed(read)), task("b", UNEVEN)), "tasks"),
        (lambda: corpus_of(dataclasses.replace(task("a", PLAIN), long_fields=["q"]), task("b", UNEVEN)), "tasks"),
        # So small a change that the few texts in a task's digest are the same.
        (lambda: corpus_of(styles=dataclasses.replace(STYLES, few_shot=STYLES.few_shot + 1e-9)), "tasks"),
        (lambda: corpus_of(tokenizer=OtherBytes()), "tokenizer"),
        (lambda: corpus_of(features=FeatureConfig(inputs_length=160, targets_length=32, reserved=1)), "data"),
        (lambda: CORPUS._replace(make_features=my_features), "features"),
        (lambda: CORPUS._replace(layout=make_layout(CONFIG.features, ByteTokenizer(), ["margin"])), "features"),
    ],
)
def test_whatever_changes_the_rows_changes_the_identity(other, part):
    left, right = identity_of(CORPUS), identity_of(other())
    assert left[part] != right[part]
    assert digest(left) != digest(right)


def test_what_does_not_change_the_rows_does_not_change_the_identity():
    other = corpus_of(batch_size=16, num_workers=3, num_threads=2, prefetch_windows=5, max_bad_share=0.5, prepared="x")
    assert identity_of(other) == identity_of(CORPUS)


def test_a_window_that_is_now_made_otherwise_is_found_though_its_identity_is_the_same(copied):
    source = Prepared(copied)
    source.check_made_alike(CORPUS, 1)
    edited = [{**row, "q": row["q"].replace("a ", "A ")} for row in PLAIN]
    with pytest.raises(DataError, match="window 0 of stream 1 is not what is made of the same data now"):
        source.check_made_alike(corpus_of(task("a", edited), task("b", UNEVEN)), 1)


def rows_of(**arrays):
    count = len(next(iter(arrays.values())))
    return [{name: array[i] for name, array in arrays.items()} for i in range(count)]


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.array([[0, 255], [3, 4]], np.int32)},
        {"x": np.array([[-1, 127]], np.int64), "y": np.array([[0.5]], np.float32)},
        {"x": np.array([[-1, 128, 65_536]], np.int32), "wide": np.array([[[1 << 40]]], np.int64)},
        {"x": np.array([[65_535]], np.int32), "b": np.array([[True]]), "u": np.array([[1]], np.uint8)},
        {"x": np.zeros((3, 0), np.int32), "half": np.ones((3, 2), np.float16)},
        {"big": np.array([[1, 2]], ">i4")},
    ],
)
def test_a_record_gives_back_any_arrays(arrays):
    window = Window(rows_of(**arrays), DataStats(3))
    label, found = decode_window(encode_window(window, Label("d", 5, 6)))
    assert label == Label("d", 5, 6)
    assert len(found.rows) == len(window.rows)
    for a, b in zip(window.rows, found.rows, strict=True):
        assert list(a) == list(b)
        for name in a:
            assert b[name].dtype == a[name].dtype.newbyteorder("<")
            np.testing.assert_array_equal(a[name], b[name])


def test_small_numbers_take_little_room():
    window = make_window(corpus_of(window=200), 0, 0)
    raw = sum(a.nbytes for row in window.rows for a in row.values())
    assert len(encode_window(window, Label("d", 0, 0))) < 0.4 * raw


def test_a_window_without_rows_has_its_counts():
    stats = DataStats(2)
    stats.counts["bad"][1] = 4
    _, found = decode_window(encode_window(Window([], stats), Label("d", 0, 0)))
    assert found.rows == []
    assert found.stats.to_json() == stats.to_json()


@pytest.mark.parametrize("spoil", [lambda r: r[:3], lambda r: r[:-1], lambda r: r + b"x", lambda r: b"\xff" * 20])
def test_a_record_that_was_changed_is_no_window(spoil):
    record = encode_window(make_window(CORPUS, 0, 0), Label("d", 0, 0))
    with pytest.raises(ValueError, match=r"record|buffer"):
        decode_window(spoil(record))


def test_without_beam_the_command_says_what_to_install(monkeypatch, tmp_path, capsys):
    (tmp_path / "config.py").write_text("def get_config():\n    return {'name': 'x', 'mixture': 'x.py:x'}")
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    package = importlib.import_module("flanjax.prepare")
    for name in ("job", "beam_job"):
        monkeypatch.delitem(sys.modules, f"flanjax.prepare.{name}", raising=False)
        monkeypatch.delattr(package, name, raising=False)
    assert main(["prepare", "--config", str(tmp_path / "config.py"), "--output", str(tmp_path / "out")]) == 1
    assert "pip install flanjax[beam]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
