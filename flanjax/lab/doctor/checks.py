"""The checks of the doctor, in the order in which they are made."""

from collections.abc import Callable
from typing import NamedTuple

from flanjax.lab.doctor.beside_torch import check_transformers
from flanjax.lab.doctor.losses import check_batch_size, check_packing
from flanjax.lab.doctor.masks import check_masks
from flanjax.lab.doctor.numerics import check_numerics
from flanjax.lab.doctor.outcome import Outcome
from flanjax.lab.doctor.patient import Patient
from flanjax.lab.doctor.steps import check_cost, check_resume, check_updates
from flanjax.lab.doctor.texts import check_texts, check_tokenizer, check_truncation


class Check(NamedTuple):
    """Something that is looked at.

    Attributes:
      name: which `--only` takes.
      holds: what is true where it passes.
      function: the patient -> what was found.
    """

    name: str
    holds: str
    function: Callable[[Patient], Outcome]


# The steps come first of all that the device does: its own count of its largest memory use is then theirs.
CHECKS = (
    Check("mixture", "templates render, and say what their rows say", check_texts),
    Check("tokenizer", "the tokenizer knows the mixture's words", check_tokenizer),
    Check("truncation", "rows fit, and targets keep their end", check_truncation),
    Check("masks", "a packed row holds its examples, with the loss on their targets alone", check_masks),
    Check("cost", "a step takes the memory and the time that its program says", check_cost),
    Check("updates", "steps change every parameter, and all stays finite", check_updates),
    Check("resume", "steps after a checkpoint are those of the run that was not stopped", check_resume),
    Check("packing", "an example's loss is the same packed, alone and scored", check_packing),
    Check("batch size", "scores are the same at batch sizes 1 and 64", check_batch_size),
    Check("compute type", "activations are finite, and the loss is float32's", check_numerics),
    Check("transformers", "logits are those of transformers' model", check_transformers),
)
