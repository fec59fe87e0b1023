"""The doctor passes healthy runs, and finds what is planted in a run's parts."""

import contextlib
import dataclasses
import functools

import jax
import numpy as np
import optax
import patients
import pytest

from flanjax import Template
from flanjax import huggingface as hf
from flanjax.cli import main
from flanjax.data.features import make_features
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.lab.doctor import patient as parts
from flanjax.lab.doctor import steps
from flanjax.lab.doctor.checks import CHECKS
from flanjax.lab.doctor.examine import examine
from flanjax.lab.doctor.outcome import FAILED, NOT_CHECKED, PASSED
from flanjax.models import functional
from flanjax.models.attention import reference
from flanjax.train import program

# For a T5, whose programs take longest; tests/study/study_doctor.py has them, and its logits are beside torch's below.
SLOW_TO_COMPILE = ("cost", "updates", "resume", "packing", "batch size", "compute type", "transformers")


@pytest.fixture(autouse=True, scope="module")
def quick_to_compile():
    """Programs here run for milliseconds; what takes time is their compilation."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(scope="module")
def healthy(quick_to_compile):
    """kind -> a patient that nothing is wrong with."""
    with contextlib.ExitStack() as stack:
        yield {kind: stack.enter_context(patients.patient(kind)) for kind in patients.SHAPES}


def with_parts(patient, **changes):
    """The patient with other parts, and the program that is compiled already."""
    other = dataclasses.replace(patient, **changes)
    other.__dict__["program"] = patient.program
    return other


@pytest.mark.parametrize("kind", patients.SHAPES)
def test_a_healthy_run_passes_every_check(healthy, kind):
    left_out = {"t5": SLOW_TO_COMPILE, "decoder": ()}[kind]
    checked = [check.name for check in CHECKS if check.name not in left_out]
    results = examine(healthy[kind], checked)
    assert [r.name for r in results] == checked
    assert {r.name: r.outcome.findings for r in results if r.status != PASSED} == {}
    shown = next(r for r in results if r.name == "masks").outcome.shown
    layouts = {"t5": {"encoder_decoder"}, "decoder": {"causal", "prefix"}}[kind]
    assert {s.layout for s in shown} == layouts
    assert len(shown) == 10 * len(layouts)
    for one in shown:
        read, trained = one.runs
        assert read.role == "read"
        assert trained.role == "trained"
        word = trained.text.removesuffix("⟨end⟩")
        assert trained.text.endswith("⟨end⟩")
        assert word in (read.text if one.task == "say" else patients.COLOURS)
        assert ("Say " in read.text) == (one.task == "say")


def found(sick, check, what):
    """The detail of the one finding that says it, of one check alone."""
    (result,) = examine(sick, [check])
    assert result.status == FAILED, result.outcome.said
    return next(f for f in result.outcome.findings if what in f.detail)


class Wrong:
    """A layout of which one method does something else."""

    def __init__(self, layout, **methods):
        self._layout = layout
        for name, method in methods.items():
            setattr(self, name, functools.partial(method, layout))

    def __getattr__(self, name):
        return getattr(self._layout, name)


def with_layout(patient, **methods):
    return with_parts(patient, corpus=patient.corpus._replace(layout=Wrong(patient.layout, **methods)))


def changed_row(name, change):
    def row(layout, examples, lengths):
        made = layout.row(examples, lengths)
        return {**made, name: change(made)}

    return row


@pytest.mark.parametrize("kind", patients.SHAPES)
@pytest.mark.parametrize(
    ("array", "change", "what"),
    [
        ("loss_weights", lambda row: np.roll(row["loss_weights"], 1), "the loss is not on the targets alone"),
        ("loss_weights", lambda row: np.ones_like(row["loss_weights"]), "padding has a loss"),
        ("positions", lambda row: np.arange(len(row["positions"]), dtype=np.int32), "positions do not count from 0"),
        ("targets", lambda row: np.roll(row["targets"], 1), "other targets"),
    ],
)
def test_a_row_that_does_not_hold_its_examples_is_found(healthy, kind, array, change, what):
    if kind == "decoder" and "targets alone" in what:
        what = "other targets have a loss"  # the weights of a decoder's row belong to places that are counted
    assert found(with_layout(healthy[kind], row=changed_row(array, change)), "masks", what)


def test_prefixes_and_shifted_inputs_are_looked_at_too(healthy):
    with patients.patient("decoder", features={"layout": "prefix"}) as prefixed:
        longer = changed_row("prefix", lambda row: row["segment_ids"] > 0)
        assert found(with_layout(prefixed, row=longer), "masks", "read both ways")
    unshifted = changed_row("decoder_inputs", lambda row: row["targets"])
    assert found(with_layout(healthy["t5"], row=unshifted), "masks", "a target is read before it is written")


def test_a_mask_that_is_shifted_also_shows_in_the_losses(healthy):
    shifted = changed_row("loss_weights", lambda row: np.roll(row["loss_weights"], -1))
    assert found(with_layout(healthy["decoder"], row=shifted), "packing", "not what the scorer gives")


class Unasked:
    """A scorer that says nothing, where the losses alone are looked at: nothing is compiled for it."""

    def __init__(self, patient, batch_size):
        pass

    def log_likelihoods(self, prompts, options):
        return [[0.0] * len(those) for those in options]


def test_segments_that_see_each_other_are_found(monkeypatch):
    alike = lambda query, key, **how: VISIBLE((query > 0) * 1, (key > 0) * 1, **how)  # noqa: E731
    monkeypatch.setattr(reference, "visible", alike)
    with patients.patient("decoder", model={"d_ff": 40}) as sick:
        finding = found(
            dataclasses.replace(sick, make_scorer=Unasked),
            "packing",
            "the loss in a packed row is not the example's loss alone",
        )
    assert finding.count >= 4  # the first of each row sees nobody before it
    assert "and" in finding.examples[0].text


VISIBLE = reference.visible


def test_a_template_without_its_field_is_found():
    with patients.patient("t5", Template("Say it.\nThe word:", name="blank"), patients.SAY) as sick:
        finding = found(sick, "mixture", "a field is missing")
    assert finding.template == "blank"
    assert finding.examples[0].text == "Say it.\nThe word:"
    with patients.patient("t5", Template("Say {{ wrod }}"), patients.SAY) as sick:
        assert "'wrod' is undefined" in found(sick, "mixture", "is undefined").examples[0].text


class WithoutNewlines(ByteTokenizer):
    def encode(self, texts):
        return super().encode([text.replace("\n", " ") for text in texts])


def test_a_tokenizer_that_loses_newlines_is_found(monkeypatch):
    monkeypatch.setattr("flanjax.parts.tokenizer.load_tokenizer", lambda path: WithoutNewlines())
    with patients.patient("decoder") as sick:
        finding = found(sick, "tokenizer", "loses line breaks")
    assert (finding.count, finding.of) == (128, 256)
    assert finding.examples[0].other == finding.examples[0].text.replace("\n", " ")


class WithoutDigits(ByteTokenizer):
    def encode(self, texts):
        return super().encode(["".join(c for c in text if not c.isdigit()) for text in texts])


def test_a_template_whose_words_the_tokenizer_loses_is_found(monkeypatch):
    monkeypatch.setattr("flanjax.parts.tokenizer.load_tokenizer", lambda path: WithoutDigits())
    with patients.patient("t5", Template("1. Say {{ word }}")) as sick:
        assert found(sick, "mixture", "1. Say").kind == "tokenizer"


def test_words_that_the_tokenizer_does_not_know_are_found():
    few = {"path": "train", "kind": "words", "vocab_size": 12, "train_examples": 20}
    with patients.patient("t5", tokenizer=few) as sick:
        assert found(sick, "tokenizer", "unknown to the tokenizer").examples[0].text


def cut_short(entries, opened, visits, layout, seed):
    made = make_features(entries, opened, visits, layout, seed)
    return made._replace(groups=[(e._replace(targets=e.targets[:-2]),) for (e,) in made.groups])


def test_targets_that_lose_their_end_and_rows_that_do_not_fit_are_found(healthy):
    sick = with_parts(healthy["t5"], corpus=healthy["t5"].corpus._replace(make_features=cut_short))
    finding = found(sick, "truncation", "not those that were rendered")
    assert finding.count == finding.of
    with patients.patient("t5", features={"inputs_length": 22}) as sick:
        assert found(sick, "truncation", "rows do not fit").task == "colour"
    with patients.patient("t5", features={"inputs_length": 9}) as sick:
        assert found(sick, "truncation", "rows do not fit").count > 100
        assert "none of 256 rows gives an example" in found(sick, "masks", "broke off").detail


def test_a_rate_of_nothing_is_found():
    schedule = {"name": "adamw", "learning_rate": 0.01, "warmup_steps": 2 * 10**9}
    with patients.patient("decoder", optimizer=schedule) as sick:
        finding = found(sick, "updates", "leave as they were")
    assert finding.count == finding.of


def test_a_frozen_part_is_found_by_its_name(monkeypatch):
    def frozen(config, axes, num_steps):
        labels = lambda tree: jax.tree.map_with_path(lambda path, _: "o" if path[-1].key == "o" else "rest", tree)  # noqa: E731
        return optax.partition({"o": optax.set_to_zero(), "rest": optax.sgd(0.01)}, labels)

    monkeypatch.setattr(program, "make_optimizer", frozen)
    monkeypatch.setattr(
        program, "state_axes", lambda optimizer, params, axes: jax.tree.map(lambda _: (), optimizer.init(params))
    )
    with patients.patient("decoder") as sick:
        finding = found(sick, "updates", "leave as they were")
    assert [e.text for e in finding.examples] == ["layers/attention/o"]


def test_a_resume_on_shuffled_data_is_found(healthy):
    def shuffled(patient, state):
        if state is not None:
            state = state._replace(streams={stream: (window, row + 1) for stream, (window, row) in state.streams.items()})
        return parts.batches_of(patient, state)

    finding = found(with_parts(healthy["decoder"], make_batches=shuffled), "resume", "another batch after a resume")
    assert "step 3" in finding.detail


def test_an_optimizer_that_is_not_restored_is_found(monkeypatch, healthy):
    restore = steps.Checkpoints.restore
    zeroed = lambda *args: (found := restore(*args))._replace(  # noqa: E731
        rest={**found.rest, "opt_state": jax.tree.map(lambda x: x * 0, found.rest["opt_state"])}
    )
    monkeypatch.setattr(steps.Checkpoints, "restore", zeroed)
    assert found(with_parts(healthy["decoder"]), "resume", "losses are")


def test_scores_that_depend_on_what_else_is_in_the_batch_are_found():
    def padding_is_read(layout, prompts, rows, length):
        made = layout.prompts(prompts, rows, length)
        return {**made, "segment_ids": np.ones_like(made["segment_ids"])}

    with patients.patient("decoder", Template("Say {{ word }}, please, please, please.")) as healthy:
        assert found(with_layout(healthy, prompts=padding_is_read), "batch size", "differ by up to")


def test_activations_that_overflow_bfloat16_are_found_and_where():
    with patients.patient("decoder", model={"dtype": "bfloat16"}) as healthy:
        assert examine(healthy, ["compute type"])[0].status == PASSED
        huge = jax.tree.map_with_path(lambda path, x: x * 3e38 if path[-1].key == "wo" else x, healthy.params)
        finding = found(dataclasses.replace(healthy, params=huge), "compute type", "not finite in bfloat16")
    assert 0 < finding.count < finding.of
    assert finding.examples[0].where.startswith("place 3 of")


def test_an_untied_head_that_was_tied_is_found(healthy, tmp_path):
    whole = healthy["t5"]
    hf.save(tmp_path, whole.model, whole.params)
    tied = {name: value for name, value in whole.params.items() if name != "head"}
    model = dataclasses.replace(whole.model, tied_embedding=True)
    functional.bind(model, tied)
    sick = with_parts(whole, model=model, params=tied, directory=tmp_path)
    assert found(sick, "transformers", "away from those of transformers")
    assert examine(with_parts(whole, directory=tmp_path), ["transformers"])[0].status == PASSED


def test_flops_that_are_miscounted_are_found(monkeypatch, healthy):
    monkeypatch.setattr(steps.functional, "step_flops", lambda model, batch: 1e15)
    assert found(with_parts(healthy["decoder"]), "cost", "faster than its FLOPs allow")


def test_without_torch_the_logits_are_not_checked(monkeypatch, healthy):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    (result,) = examine(healthy["decoder"], ["transformers"])
    assert result.status == NOT_CHECKED
    assert result.outcome.said == "not checked: torch is not installed"


def test_a_check_that_breaks_off_has_failed_and_a_misspelt_one_is_named(healthy):
    broken = with_layout(healthy["decoder"], row=lambda layout, examples, lengths: 1 / 0)
    assert "broke off: ZeroDivisionError" in found(broken, "masks", "broke off").detail
    with pytest.raises(ValueError, match="no check 'mask'; did you mean 'masks'"):
        examine(healthy["decoder"], ["mask"])


def test_what_is_neither_a_config_nor_a_run_is_named(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    for source, said in (
        (tmp_path / "mime", "is neither a config file (.py) nor the workdir of a run; did you mean 'mine'?"),
        (tmp_path / "mine", "has no checkpoint: flanjax doctor takes the workdir of a run that has saved one, or a config"),
        (tmp_path / "no" / "where", f"is neither a config file (.py) nor the workdir of a run; no {tmp_path / 'no'}"),
        (tmp_path / "mine.py", f"no config file {tmp_path / 'mine.py'}"),
    ):
        assert main(["doctor", str(source)]) == 1
        assert said in capsys.readouterr().err
