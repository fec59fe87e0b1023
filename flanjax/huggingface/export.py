"""Writes an exported model's weights with generation_config.json and a model card that documents its origin."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from etils import epath

from flanjax.huggingface.families import family_of
from flanjax.huggingface.tensors import leaf_shapes
from flanjax.huggingface.write import as_json, save
from flanjax.models.functional import Config

GENERATION, CARD = "generation_config.json", "README.md"


class SpecialIds(NamedTuple):
    """The tokenizer's ids that generation needs.

    Attributes:
      bos: the id with which a decoder-only model's prompt begins; None if there is none.
      eos: the ids that end a text.
      pad: the padding id, with which an encoder-decoder also begins its text.
    """

    bos: int | None
    eos: tuple[int, ...]
    pad: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card:
    """The contents of the model card.

    Args:
      name: name of the run.
      base: the Hugging Face id or the directory of the weights that training started from; "scratch" for none.
      mixture: address of the mixture.
      heldout: clusters of tasks that were not trained on.
      step: step of the checkpoint.
      licence: licence of the model; None if none was given.
      prompt_end: the text that a prompt ends with, before the model writes.
      chat: whether prompts go through the tokenizer's chat template.
      reads_both_ways: whether prompts of this decoder-only model were trained to be read in both directions.
      version: of flanjax.
    """

    name: str
    base: str
    mixture: str
    heldout: tuple[str, ...] = ()
    step: int
    licence: str | None = None
    prompt_end: str = ""
    chat: bool = False
    reads_both_ways: bool = False
    version: str = ""


def export(
    directory: epath.PathLike,
    config: Config,
    params: Mapping[str, Any],
    ids: SpecialIds,
    card: Card,
    *,
    model_type: str | None = None,
    dtype: str = "float32",
) -> None:
    """Writes what `save` writes, and generation_config.json and README.md. It does not write the tokenizer."""
    family = family_of(config)
    model_type = model_type or family.family_of(config)
    starts = "decoder_start_token_id" in family.config_json(config, model_type)
    settings = special_ids(ids, starts=starts)
    size = sum(math.prod(shape) for _, shape in leaf_shapes(params))
    others = {
        GENERATION: as_json({"_from_model_config": True, "do_sample": False, **settings}),
        CARD: model_card(card, model_type, family.AUTO_CLASS, size),
    }
    save(directory, config, params, model_type=model_type, settings=settings, others=others, dtype=dtype)


def special_ids(ids: SpecialIds, *, starts: bool) -> dict[str, Any]:
    """Returns the ids under their names in config.json and generation_config.json.

    >>> special_ids(SpecialIds(None, (1,), 0), starts=True)
    {'bos_token_id': None, 'eos_token_id': 1, 'pad_token_id': 0, 'decoder_start_token_id': 0}
    """
    eos: int | list[int] = ids.eos[0] if len(ids.eos) == 1 else list(ids.eos)
    found = {"bos_token_id": ids.bos, "eos_token_id": eos, "pad_token_id": ids.pad}
    return {**found, "decoder_start_token_id": ids.pad} if starts else found


def model_card(card: Card, model_type: str, auto_class: str, num_parameters: int) -> str:
    """Returns the text of README.md, whose header the Hugging Face hub reads."""
    is_decoder = auto_class == "AutoModelForCausalLM"
    is_id = "/" in card.base and not Path(card.base).exists()
    base = "none, trained from random weights" if card.base == "scratch" else card.base if is_id else Path(card.base).name
    header = {"library_name": "transformers", "license": card.licence or "unknown", "tags": ["flanjax", "instruction-tuning"]}
    if is_id:
        header["base_model"] = card.base.partition("@")[0]
    facts = {
        "Architecture": f"{model_type}, {num_parameters / 1e6:,.1f}M parameters",
        "Base model": base,
        "Mixture": f"`{_last_part(card.mixture)}`",
        "Task clusters held out": ", ".join(card.heldout) or "none",
        "Training steps": f"{card.step:,}",
        "Licence": card.licence or "unknown; the licences of the base model and of the data apply",
        "Made with": f"flanjax {card.version}".strip(),
    }
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in header.items()), "---", f"# {card.name}", ""]
    lines += ["An instruction-tuned language model.", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += ["", "## How to load it", "", "Replace `DIRECTORY` by this directory, or by the model's id on the hub.", ""]
    lines += ["```python", *_loading(card, auto_class, is_decoder), "```", ""]
    if card.reads_both_ways:
        lines += [
            "This model was trained to read a prompt in both directions (a prefix language model). transformers reads it in "
            "one direction only, so texts and scores there differ from those of flanjax.",
            "",
        ]
    return "\n".join(lines)


def _loading(card: Card, auto_class: str, is_decoder: bool) -> list[str]:
    """Returns the lines of Python that load the model and answer a prompt."""
    if card.chat:
        inputs = [
            'messages = [{"role": "user", "content": "Is the sky blue?"}]',
            'options = {"add_generation_prompt": True, "return_dict": True, "return_tensors": "pt"}',
            "inputs = tokenizer.apply_chat_template(messages, **options)",
        ]
    else:
        inputs = ['prompt = "Is the sky blue?"', 'inputs = tokenizer(prompt, return_tensors="pt")']
        if card.prompt_end:  # by itself, as in training: some vocabularies have one token for "?\n"
            inputs = [
                "import torch",
                "",
                'prompt = "Is the sky blue?"',
                f"end = tokenizer({json.dumps(card.prompt_end)}, add_special_tokens=False)  # every prompt ends like this",
                'ids = torch.tensor([tokenizer(prompt)["input_ids"] + end["input_ids"]])',
                'inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}',
            ]
    text = 'text[0, inputs["input_ids"].shape[1] :]' if is_decoder else "text[0]"
    return [
        f"from transformers import {auto_class}, AutoTokenizer",
        "",
        'tokenizer = AutoTokenizer.from_pretrained("DIRECTORY")',
        f'model = {auto_class}.from_pretrained("DIRECTORY")',
        *inputs,
        "text = model.generate(**inputs, max_new_tokens=64)",
        f"print(tokenizer.decode({text}, skip_special_tokens=True))",
    ]


def _last_part(address: str) -> str:
    """Returns a mixture's address without the folders of this machine."""
    return address.rpartition("/")[2]
