"""BIG-Bench Hard by its authors' own prompts, read from their folder: with reasoning (cot) and without it (direct).

    git clone https://github.com/suzgunmirac/BIG-Bench-Hard
    export FLANJAX_BBH=BIG-Bench-Hard
    flanjax suite mixtures/suites/bbh_cot.json --model google/flan-t5-base

A prompt's file (cot-prompts/NAME.txt) has a warning, a line about the task, and three questions that are reasoned about and
answered. `direct` keeps their questions and answers. Answers are written as text, and found after "the answer is".

Suzgun et al. 2022 (arXiv:2210.09261) · licence: MIT. mixtures/flan/big_bench_hard.py has the same rows in words of our own.
"""

import functools
import os
import re
from pathlib import Path

from flanjax import Example, Mixture, Task, Template, equal, hub

FOLDER = "FLANJAX_BBH"
_REASONED = re.compile(r"A: Let's think step by step\.\n.*?So the answer is (.*?)\.?(?=\n\nQ:|\s*\Z)", re.DOTALL)


def _folder():
    folder = os.environ.get(FOLDER, "")
    if not folder:
        raise ValueError(
            f"{FOLDER} is not set: it names a clone of https://github.com/suzgunmirac/BIG-Bench-Hard with cot-prompts. "
            "Without it, mixtures/flan/big_bench_hard.py has the same rows in words of our own"
        )
    return Path(folder) / "cot-prompts"


def shown(text, reasoned):
    """Returns the part of a prompt's file that a model reads: the line about the task and its three examples.

    Raises:
      ValueError: it has no three examples in the published form.
    """
    prompt = text.partition("-----\n")[2].strip()
    if len(_REASONED.findall(prompt)) != 3:
        raise ValueError(
            f"{len(_REASONED.findall(prompt))} examples in {prompt[:60]!r}..., expected 3 that end in 'the answer is'"
        )
    return prompt if reasoned else _REASONED.sub(r"A: \1", prompt)


def _example(prompt, row):
    return Example({"prompt": prompt, "question": row["input"].strip()}, row["target"].strip())


def _task(path, reasoned):
    return Task(
        name=f"bbh_{'cot' if reasoned else 'direct'}_{path.stem}",
        cluster="big_bench_hard",
        source=hub("lukaemon/bbh", path.stem),
        example=functools.partial(_example, shown(path.read_text(encoding="utf-8"), reasoned)),
        templates=[
            Template("Q: {{ question }}", preamble="{{ prompt }}", cue="A: Let's think step by step." if reasoned else "A:")
        ],
        lineage=["big_bench"],
        metrics=["exact_match"],
        train=None,
        evaluation="test",
        extractor="answer_is" if reasoned else "first_line",
        licence="MIT",
        link="https://huggingface.co/datasets/lukaemon/bbh",
    )


def _mixture(name, *, reasoned):
    files = sorted(_folder().glob("*.txt"))
    if not files:
        raise ValueError(f"{_folder()} has no prompts (*.txt): is {FOLDER} a clone of BIG-Bench-Hard?")
    return Mixture(name=name, parts=[_task(path, reasoned) for path in files], rate=equal())


direct = _mixture("bbh_direct", reasoned=False)
cot = _mixture("bbh_cot", reasoned=True)
