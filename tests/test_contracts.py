"""The three contracts in use: a pairwise objective and soft tokens, defined here, work in runs without changes to flanjax."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

import flanjax
from flanjax import Example, Mixture, Task, Template, rows, run
from flanjax.config import ConfigError
from flanjax.data.features import Features
from flanjax.data.layout import fits, make_layout
from flanjax.data.packing import Encoded
from flanjax.data.tokenizer import load_tokenizer
from flanjax.models import functional
from flanjax.models.kernels import Adapted
from flanjax.models.params import Full, Params
from flanjax.parallel import sharding
from flanjax.train.objective import Mean, Sums

WORDS = ("sun", "moon", "star", "rain", "wind")
DATA = [
    {"word": f"{WORDS[i % 5]} {i % 7}", "good": WORDS[i % 5], "bad": WORDS[(i + 2) % 5][: 1 + i % 4], "reference": -0.5 - i / 9}
    for i in range(60)
]
TASK = Task(
    name="say",
    cluster="copying",
    source=rows("words", train=DATA, test=DATA[:7]),
    example=lambda row: Example({"word": row["word"]}, row["good"]),
    templates=[Template("Say {{ word }}")],
    metrics=["exact_match"],
    evaluation="test",
)
MIXTURE = Mixture(name="toy", parts=[TASK])
KINDS = {
    "t5": {"num_layers": 2, "num_decoder_layers": 2},
    "decoder": {"family": "llama", "num_layers": 2, "num_kv_heads": 1},
}
KINDS = {kind: {"d_model": 16, "d_ff": 32, "num_heads": 2, "head_dim": 8, **shape} for kind, shape in KINDS.items()}
STEPS = 6


def config_of(kind, **train):
    """Of a tiny model of a kind, on the eight devices that the tests have, in two microbatches."""
    layout = {"t5": "encoder_decoder", "decoder": "causal"}[kind]
    features = {"layout": layout, "inputs_length": 48, "targets_length": 24}
    optimizer = {"name": "adamw", "learning_rate": 0.05, "schedule": "constant", "warmup_steps": 0}
    return {
        "name": kind,
        "mixture": "here",
        "model": KINDS[kind],
        "tokenizer": {"path": "bytes"},
        "data": {"batch_size": 16, "num_streams": 4, "window": 24, "features": features},
        "train": {
            "steps": STEPS, "microbatches": 2, "log_every": 1, "tensorboard": False, "optimizer": optimizer, **train,
        },
        "checkpoint": {"every_steps": 3},
    }  # fmt: skip


def losses(trained):
    return [record["loss"] for record in trained.metrics]


def make_pairs(entries, opened, visits, layout, seed):
    """The good and the bad answer of each row as neighbours, each with its reference number."""
    groups = []
    for task, number in zip(visits.task.tolist(), visits.row.tolist(), strict=True):
        row = opened[task][number]
        prompt, *answers = layout.tokenizer.encode([row["word"], row["good"], row["bad"]])
        inputs = np.array(layout.inputs(prompt), np.int32)
        stored = (row["reference"], 2 * row["reference"])
        pair = tuple(
            Encoded(inputs, np.array(layout.targets(ids), np.int32), 1.0, task, 0, 0, numbers={"reference": value})
            for ids, value in zip(answers, stored, strict=True)
        )
        assert fits(layout, pair)
        groups.append(pair)
    return Features(groups, [], *np.zeros((2, len(entries)), np.int64))


@dataclasses.dataclass(frozen=True)
class PairLoss:
    """-log sigmoid of how much more the good answer gained on its reference than the bad one did."""

    beta: float = 0.5

    def __call__(self, model, batch, hooks):
        hidden, _ = model.hidden(batch, hooks.context)
        logits = jax.nn.log_softmax(model.logits(hidden, hooks.context))
        found = jnp.take_along_axis(logits, batch["targets"][..., None], axis=-1)[..., 0]
        segments = batch["segment_ids"]
        if "target_positions" in batch:
            segments = jnp.take_along_axis(segments, batch["target_positions"], axis=1)
        written = batch["loss_weights"] > 0
        of_segment = written[..., None] & (segments[..., None] == jnp.arange(1, 1 + 2 * (segments.shape[1] // 2)))  # [B, T, G]
        gained = jnp.sum(jnp.where(of_segment, found[..., None], 0), axis=1)
        gained -= jnp.max(jnp.where(of_segment, batch["reference"][..., None], -1e9), axis=1, initial=-1e9)
        is_pair = of_segment.any(axis=1)[:, ::2].astype(jnp.float32)
        margins = self.beta * jnp.where(is_pair > 0, gained[:, ::2] - gained[:, 1::2], 0)
        loss, pairs = jnp.sum(-jax.nn.log_sigmoid(margins) * is_pair), jnp.sum(is_pair)
        return Sums(loss, pairs, {"margin": Mean(jnp.sum(margins * is_pair), pairs)}, {})

    def divisor(self, weight):
        return jnp.maximum(weight, 1.0)


def pair_run(kind, workdir, **train):
    made = {"objective": PairLoss(), "features": make_pairs, "numbers": ["reference"], "log": lambda line: None}
    return flanjax.open_run(config_of(kind, **train), MIXTURE, workdir=workdir, **made)


@pytest.fixture(scope="module", params=["decoder"])
def pairs(request, tmp_path_factory):
    """A kind of model, and its run on pairs without a break."""
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, folder, pair_run(request.param, folder / "whole").train()


def test_pairs_in_packed_rows_are_learned_from_their_stored_references(pairs):
    kind, _, trained = pairs
    run = pair_run(kind, trained.workdir)
    batch = next(flanjax.iterate(MIXTURE, load_tokenizer("bytes"), run.config.data, features=make_pairs, numbers=["reference"]))
    assert batch["segment_ids"].max() >= 6  # three pairs in a row
    first, last = trained.metrics[0], trained.metrics[-1]
    assert last["loss"] < first["loss"] - 0.2
    assert last["margin"] > first["margin"] + 0.5
    assert first["loss"] == pytest.approx(loss_of_pairs_alone(kind, run, batch), rel=1e-5)


def loss_of_pairs_alone(kind, run, batch):
    """What the first step's loss is, by each answer in a row of its own and plain sums."""
    config = functional.config_from({"kind": kind, **KINDS[kind], "vocab_size": 384})
    params = jax.jit(functional.init, static_argnums=0)(config, jax.random.key(0))
    features = run.config.data.features
    layout = make_layout(features, load_tokenizer("bytes"), ["reference"])
    log_likelihoods = jax.jit(lambda batch: -token_losses(functional.bind(config, params), batch).sum(axis=1))
    total = count = 0
    for row in range(16):
        segments = batch["segment_ids"][row]
        if kind == "decoder":
            segments = segments[batch["target_positions"][row]]
        gained = []
        for segment in range(1, segments.max() + 1):
            own = (segments == segment) & (batch["loss_weights"][row] > 0)
            side = "inputs_segment_ids" if kind == "t5" else "segment_ids"
            source = batch["inputs" if kind == "t5" else "decoder_inputs"][row][batch[side][row] == segment]
            targets = batch["targets"][row][own]
            inputs = source if kind == "t5" else source[: len(source) + 1 - len(targets)]
            number = float(batch["reference"][row][own][0])
            alone = layout.row([Encoded(inputs, targets, 1.0, 0, 0, 0, numbers={"reference": number})], features.longest)
            gained.append(float(log_likelihoods({k: v[None] for k, v in alone.items()})[0]) - number)
        for good, bad in zip(gained[::2], gained[1::2], strict=True):
            total, count = total + np.log1p(np.exp(-0.5 * (good - bad))), count + 1
    return total / count


def token_losses(model, batch):
    logits = jax.nn.log_softmax(model(batch))
    found = jnp.take_along_axis(logits, batch["targets"][..., None], axis=-1)[..., 0]
    return jnp.where(batch["loss_weights"] > 0, -found, 0)


def test_a_pairwise_run_is_the_same_in_microbatches_and_on_one_device(pairs, tmp_path, monkeypatch):
    kind, _, trained = pairs
    check_alike(functools.partial(pair_run, kind), trained, tmp_path, monkeypatch)


def check_alike(run, trained, folder, monkeypatch):
    """Whether `run(workdir, microbatches=1)` on one device has the losses of `trained`: two microbatches on eight devices."""
    make_mesh = sharding.make_mesh
    monkeypatch.setattr(sharding, "make_mesh", lambda config: make_mesh(config, jax.devices()[:1]))
    alone = run(folder / "alone", microbatches=1).train()
    np.testing.assert_allclose(losses(alone), losses(trained), rtol=0, atol=2e-5)


def test_a_pairwise_run_goes_on_exactly_where_it_stopped(pairs):
    kind, folder, trained = pairs
    pair_run(kind, folder / "stopped", steps=3).train()
    assert losses(pair_run(kind, folder / "stopped").train()) == losses(trained)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class SoftTokens(Adapted):
    """An embedding table that gives learned vectors at the positions reserved for them."""

    base: jax.Array  # [V, D]
    soft: jax.Array  # [n, D]

    def merged(self):
        return self.base

    def look_up(self, tokens, reserved):
        plain = self.base[tokens]
        return plain if reserved is None else jnp.where(reserved[..., None] > 0, self.soft[reserved - 1], plain)


@dataclasses.dataclass(frozen=True)
class SoftPrompt:
    """Trains `count` soft tokens, and nothing else."""

    count: int

    def split(self, tree, key):
        return Params({"soft": 0.5 * jax.random.normal(key, (self.count, tree["embedding"].shape[1]))}, tree)

    def axes(self, axes):
        return Params({"soft": ("soft_tokens", "embed")}, axes)

    def join(self, params, key=None):
        table = SoftTokens(params.frozen["embedding"], params.trainable["soft"])
        return {**params.frozen, "embedding": table}


def soft_run(kind, workdir, **train):
    run = flanjax.open_run(config_of(kind, **train), MIXTURE, workdir=workdir, tuning=SoftPrompt(3), log=lambda line: None)
    features = dataclasses.replace(run.config.data.features, reserved=3)
    data = dataclasses.replace(run.config.data, features=features)
    return dataclasses.replace(run, config=dataclasses.replace(run.config, data=data))


@pytest.fixture(scope="module", params=["t5"])
def soft(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"soft_{request.param}")
    return request.param, folder, soft_run(request.param, folder / "whole").train()


def test_soft_tokens_alone_are_trained_kept_and_read_again(soft):
    _, _, trained = soft
    assert losses(trained)[-1] < losses(trained)[0] - 0.02
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        kept = checkpointer.restore(trained.workdir.absolute() / "checkpoints" / str(STEPS) / "params")
    assert jax.tree.map(np.shape, kept) == {"soft": (3, 16)}
    loaded = flanjax.load_model(trained.workdir, tuning=SoftPrompt(3))
    plain = functional.init(loaded.config, jax.random.key(0))
    np.testing.assert_array_equal(loaded.params["embedding"].base, plain["embedding"])
    np.testing.assert_array_equal(loaded.params["embedding"].soft, kept["soft"])
    good, other = loaded.score("Say sun 1", ["sun", "qqqqqq"])
    untuned = dataclasses.replace(loaded.params["embedding"], soft=jnp.zeros((3, 16)))
    loaded.params["embedding"] = untuned
    assert flanjax.load_model(trained.workdir, tuning=SoftPrompt(3)).score("Say sun 1", ["sun", "qqqqqq"]) == [good, other]
    assert good > other


def test_soft_tokens_belong_to_every_segment_of_a_row(soft):
    kind, _, trained = soft
    batch = next(flanjax.iterate(MIXTURE, load_tokenizer("bytes"), soft_run(kind, trained.workdir).config.data))
    segments = batch["inputs_segment_ids" if kind == "t5" else "segment_ids"]
    for row, places in zip(segments, batch["reserved"], strict=True):
        for segment in range(1, row.max() + 1):
            assert places[row == segment][:4].tolist() == [1, 2, 3, 0]


def test_a_run_with_frozen_parameters_goes_on_exactly_where_it_stopped(soft):
    kind, folder, trained = soft
    soft_run(kind, folder / "stopped", steps=3).train()
    assert losses(soft_run(kind, folder / "stopped").train()) == losses(trained)
    all_trained = dataclasses.replace(soft_run(kind, folder / "stopped", steps=9), tuning=Full())
    with pytest.raises(ConfigError, match="tuning: SoftPrompt -> Full"):
        all_trained.train()


def test_soft_tokens_are_trained_alike_in_microbatches_and_on_one_device(soft, tmp_path, monkeypatch):
    kind, _, trained = soft
    check_alike(functools.partial(soft_run, kind), trained, tmp_path, monkeypatch)


def test_a_run_of_soft_tokens_is_evaluated_beside_its_base(soft):
    kind, _, trained = soft
    found = soft_run(kind, trained.workdir).evaluate("say", items=4)
    assert {row["model"] for row in found.predictions.to_pylist()} == {"trained", "untuned"}
    assert [row["task"] for row in found.results["tasks"]] == ["say", "say"]
    for opened in (flanjax.load_model, lambda workdir: run.evaluate(workdir, tasks=["say"])):
        with pytest.raises(ConfigError, match="was trained with the tuning SoftPrompt, not with Full"):
            opened(trained.workdir)


def test_a_config_file_whose_mixture_is_not_there_takes_a_mixture_made_here(tmp_path):
    file = tmp_path / "config.py"
    file.write_text("def get_config():\n    return {'name': 'x', 'mixture': 'nowhere.py:m', 'model': {'size': 't5_small'}}\n")
    assert flanjax.open_run(str(file), MIXTURE).config.mixture == "made in Python:toy"
    with pytest.raises(ConfigError, match=r"there is no file nowhere\.py"):
        flanjax.open_run(str(file))
