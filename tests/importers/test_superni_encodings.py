"""The five encodings of Super-NaturalInstructions, against a statement of the specification that shares no code with ours.

The specification is Tk-Instruct's collator (https://github.com/yizhongw/Tk-Instruct, src/ni_collator.py): blocks of lines, in
the order definition, right examples, wrong examples, question; an example is there as long as the whole fits the inputs.
"""

import dataclasses
import itertools
import json
import random
import string

import pytest

from flanjax import StyleShares
from flanjax.data.feature_config import Budget, FeatureConfig
from flanjax.data.prompts import build_prompts
from flanjax.data.queries import Query
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.questions import ask as evaluation_questions
from flanjax.evaluate.questions import scoring_layout
from flanjax.importers import superni
from flanjax.tasks.draws import Draws
from flanjax.tasks.render import Wording, ask, choose
from flanjax.tasks.styles import Style

# name -> definition?, right examples, wrong examples, explanations?
ENCODINGS = {
    "definition": (True, 0, 0, False),
    "positive": (False, 2, 0, False),
    "definition_positive": (True, 2, 0, False),
    "definition_positive_negative": (True, 2, 2, False),
    "definition_positive_explained": (True, 2, 0, True),
}
TEXTS = ["ends here", "  a question?  ", "two\nlines", "(bracket)", "100 %", "Größe 雪", 'in "quotes"', "1. one\n2. two", "x"]
EXPLANATIONS = ["", "Because", "So it is."]


def dotted(label, text):
    """A line of the specification: a full stop follows unless the line ends in ASCII punctuation."""
    line = label + text.strip()
    return line if line[-1] in string.punctuation else line + "."


def specified(file, instance, encoding, num_bytes=100_000):
    """The whole input of an instance under an encoding, within a number of bytes."""
    with_definition, num_right, num_wrong, explained = ENCODINGS[encoding]
    definition = file["Definition"] if isinstance(file["Definition"], str) else file["Definition"][0]
    head = [dotted("Definition: ", definition) + "\n\n"] if with_definition else []
    tail = ["Now complete the following example -\n", dotted("Input: ", instance["input"]) + "\n", "Output: "]
    body = []
    for kind, count in (("Positive", num_right), ("Negative", num_wrong)):
        for number, example in enumerate(file[f"{kind} Examples"][:count]):
            block = [f" {kind} Example {number + 1} -\n", dotted("Input: ", example["input"]) + "\n"]
            block += [dotted(" Output: ", example["output"]) + "\n"]
            block += [dotted(" Explanation: ", example["explanation"]) + "\n"] if explained and example["explanation"] else []
            block += ["\n"]
            if len("".join([*head, *body, *block, *tail]).strip().encode()) > num_bytes:
                return "".join([*head, *body, *tail]).strip()
            body += block
    return "".join([*head, *body, *tail]).strip()


def made_file(rng):
    def example():
        return {"input": rng.choice(TEXTS), "output": rng.choice(TEXTS), "explanation": rng.choice(EXPLANATIONS)}

    def asked(number):
        text = rng.choice([*TEXTS, ""])
        return text and f"no. {number} {text}"  # no example: an example that is the question itself is not shown

    definition = rng.choice(TEXTS)
    return {
        "Definition": [definition, "not this one"] if rng.random() < 0.7 else definition,
        "Categories": ["Misc."],
        "Positive Examples": [example() for _ in range(rng.randint(1, 3))],
        "Negative Examples": [example() for _ in range(rng.randint(0, 3))],
        "Instances": [{"id": str(n), "input": asked(n), "output": [rng.choice(TEXTS)]} for n in range(5)],
    }


@pytest.fixture
def made(tmp_path):
    """Task files, each with its task."""
    rng = random.Random(0)
    (tmp_path / "ni" / "tasks").mkdir(parents=True)
    files = {f"task{n:03d}": made_file(rng) for n in range(40)}
    for name, file in files.items():
        (tmp_path / "ni" / "tasks" / f"{name}.json").write_text(json.dumps(file))
    return [(files[task.name], task) for task in superni(tmp_path / "ni", split=None).tasks]


def prompts(task, encoding, budget=100_000):
    """The prompts of all instances, as trained on and as evaluated."""
    number = task.template(encoding)
    template = task.templates[number]
    wording = Wording(number, Style(few_shot=template.shots > 0), template.shots, exemplars=template.exemplars[0])
    examples = [task.read(row) for row in task.source.open("instances").__getitems__(range(5))]
    queries = [Query(task, example, wording, ask(task, example, wording)) for example in examples]
    return build_prompts(queries, ByteTokenizer(), Budget(inputs=budget, targets=100_000))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoding_is_as_specified(made, encoding):
    for file, task in made:
        for instance, prompt in zip(file["Instances"], prompts(task, encoding), strict=True):
            assert prompt.text == specified(file, instance, encoding)
            assert prompt.rendered.target == instance["output"][0].strip()


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if name != "definition"])
def test_examples_are_there_as_long_as_everything_fits(made, encoding):
    shown = set()
    for (file, task), budget in itertools.product(made[:10], range(120, 420, 20)):
        for instance, prompt in zip(file["Instances"], prompts(task, encoding, budget), strict=True):
            full = specified(file, instance, encoding, budget)
            if len(full.encode()) > budget:
                continue  # the question alone is longer
            # Separators are counted by themselves, so that an example that just fits may be left out.
            tight = specified(file, instance, encoding, budget - 8)
            assert prompt.text in (full, tight)
            shown.add(prompt.text.count(" Example "))
    assert len(shown) > 2


def test_a_training_example_draws_one_of_the_five_encodings_and_one_of_its_outputs(tmp_path):
    file = made_file(random.Random(1))
    file["Instances"] = [{"id": "a", "input": "x", "output": ["one", "two", "three"]}]
    (tmp_path / "ni" / "tasks").mkdir(parents=True)
    (tmp_path / "ni" / "tasks" / "task001.json").write_text(json.dumps(file))
    task = superni(tmp_path / "ni", split=None).tasks[0]
    example = task.read(task.source.open("instances")[0])
    chosen = [choose(task, example, StyleShares(), Draws(n)) for n in range(500)]
    drawn = [task.templates[c.wording.template].name for c in chosen]
    assert {name: 70 < drawn.count(name) < 130 for name in ENCODINGS} == dict.fromkeys(ENCODINGS, True)
    targets = [c.asked.target for c in chosen]
    assert all(120 < targets.count(output) < 220 for output in ("one", "two", "three"))
    assert all(set(c.asked.references) == {"one", "two", "three"} for c in chosen)


def test_each_instance_is_evaluated_once_in_each_encoding_whatever_shots_are_asked_for(made):
    file, task = made[0]
    task = dataclasses.replace(task, evaluation="instances")
    config = EvaluationConfig(shots=(0, 1))
    layout = scoring_layout(FeatureConfig(inputs_length=4096, targets_length=512), config, ByteTokenizer())
    items = evaluation_questions([task], config, layout).items
    asked = {(item.row, task.templates[item.query.wording.template].name): item.prompt.text for item in items}
    assert len(items) == len(asked) == 5 * len(ENCODINGS)
    assert asked == {(n, e): specified(file, instance, e) for n, instance in enumerate(file["Instances"]) for e in ENCODINGS}


def test_a_task_without_examples_has_its_definition_only(tmp_path):
    file = {**made_file(random.Random(2)), "Positive Examples": [], "Negative Examples": []}
    (tmp_path / "ni" / "tasks").mkdir(parents=True)
    (tmp_path / "ni" / "tasks" / "task001.json").write_text(json.dumps(file))
    assert [t.name for t in superni(tmp_path / "ni", split=None).tasks[0].templates] == ["definition"]


def test_the_metadata_of_real_tasks_gives_the_prompts_of_the_specification(mirror, tmp_path):
    import pyarrow.parquet as pq

    place = mirror / "Muennighoff" / "natural-instructions"
    real = {row["task_name"]: row for row in pq.read_table(place / "task_meta" / "train.parquet").to_pylist()}
    (tmp_path / "ni" / "tasks").mkdir(parents=True)
    files = {}
    for name, row in real.items():
        files[name] = {
            "Definition": [row["definition"]],
            "Categories": row["categories"],
            "Source": row["source"],
            "Positive Examples": row["positive_examples"],
            "Negative Examples": row["negative_examples"],
            "Instances": [{"id": str(n), "input": row["definition"][n:40], "output": ["x"]} for n in range(5)],
        }
        (tmp_path / "ni" / "tasks" / f"{name}.json").write_text(json.dumps(files[name]))
    found = superni(tmp_path / "ni", split=None)
    assert found.refused == ()
    assert len(found.tasks) == len(real) > 200
    for task in found.tasks:
        file = next(f for name, f in files.items() if name.lower() == task.name)
        for template in task.templates:
            prompt = prompts(task, template.name)[0]
            assert prompt.text == specified(file, file["Instances"][0], template.name), task.name
