"""A study whose runs are scripted: they write what `flanjax train` and `flanjax heldout` leave, with made-up predictions.

`python tests/lab/scripted_study.py FOLDER` writes pages of made-up studies, to look at.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flanjax.evaluate import protocol
from flanjax.evaluate.predict import SCHEMA

ITEMS, TEMPLATES, OPTIONS = 50, 2, ("yes", "no", "unclear")
MIXTURE = """
from flanjax import Example, Mixture, Task, Template, rows

def task(name, cluster):
    words = [Template("{{ text }} " + f"{name} {i}?") for i in range(6)]
    source = rows(name, train=[{"text": "a"}] * 9, test=[{"text": "b"}])
    return Task(name=name, cluster=cluster, source=source, templates=words, evaluation="test",
                example=lambda row: Example({"text": row["text"]}, "yes", ("yes", "no", "unclear")))

toy = Mixture(name="toy", parts=[task(f"{c}_{i}", c) for c in ("nli", "topic", "sentiment", "reading") for i in (1, 2)])
"""
CONFIG = """
def get_config():
    return {
        "name": "toy", "mixture": "toy.py:toy", "heldout": ("nli",),
        "model": {"d_model": 16, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8},
        "tokenizer": {"kind": "words", "vocab_size": 200},
        "data": {"batch_size": 8, "num_streams": 2, "features": {"inputs_length": 48, "targets_length": 16}},
        "train": {"steps": 40, "log_every": 10},
        "evaluation": {"items": 60, "untuned": False},
    }
"""


def furnish(folder):
    (folder / "toy.py").write_text(MIXTURE)
    (folder / "config.py").write_text(CONFIG)


def noise(scale, *key):
    """A normal number that depends on the key alone."""
    seed = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "little")
    return float(np.random.default_rng(seed).normal(0, scale))


def predictions(cluster, skill, name, step, items=ITEMS):
    """A table of a run: `skill` is the log odds of an answer that is right."""
    rows = []
    for task in (f"{cluster}_1", f"{cluster}_2"):
        rng = np.random.default_rng(int(hashlib.sha256(f"{name}{task}".encode()).hexdigest()[:8], 16))
        for item in range(items):
            gold = OPTIONS[(item * 7 + len(task)) % 3]
            for template in range(TEMPLATES):
                odds = skill + noise(1.2, task, item) + noise(0.2, task, template)
                scores = rng.normal(0, 0.7, 3) + np.array([odds * (o == gold) for o in OPTIONS])
                scores -= np.log(np.exp(scores).sum())
                rows.append(
                    {
                        "model": "trained", "step": step, "cluster": cluster, "task": task, "template": f"t{template}",
                        "template_text": f"{{{{ text }}}} wording {template}", "item": item, "group": str(item), "shots": 0,
                        "shots_shown": 0, "chain_of_thought": False, "scorer": "rank", "preset": "flan",
                        "normalization": "sum", "metrics": ["accuracy"], "prompt": f"{task} {item} {template}",
                        "prompt_hash": f"{task} {item} {template}", "references": [gold], "options": list(OPTIONS),
                        "option_log_likelihoods": [float(s) for s in scores], "option_tokens": [1, 1, 2],
                        "option_characters": [3, 2, 7], "prediction": OPTIONS[int(scores.argmax())], "generated": "",
                        "parsed": True, "stop": "", "prompt_tokens": 20 + item % 5, "cut": False, "seconds": 0.01,
                    }
                )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def skill_of(config, effect):
    """The log odds of a run's right answers: an effect of its config, and noise of its own."""
    return effect(config) + noise(0.25, config.name)


class Script:
    """Executes commands of a plan by writing what they would leave.

    Args:
      effect: config -> log odds.
      fails: names of trainings that end with an error.
      stops: raise this before the command of this number, as a kill would.
    """

    def __init__(self, plan, out, effect=lambda config: 1.0, fails=(), stops=None):
        self.plan, self.out, self.effect, self.fails, self.stops = plan, out, effect, fails, stops
        self.commands = []

    def __call__(self, command, log):
        if self.stops and len(self.commands) == self.stops[0]:
            raise self.stops[1]
        self.commands.append(list(command))
        workdir = Path(command[command.index("--workdir") + 1])
        with log.open("a") as file:
            if workdir.name in self.fails:
                print("flanjax: it went wrong", file=file)
                return 1
        if command[0] == "train":
            self._train(workdir)
        if command[0] == "heldout" or "--heldout" in command:
            flags = tuple(command[3:]) if command[0] == "heldout" else ()
            (cell,) = [c for c in self.plan.cells if c.training == workdir.name and c.flags == flags]
            self._evaluate(workdir, cell)
        return 0

    def _train(self, workdir):
        config = self.plan.trainings[workdir.name].config
        workdir.mkdir(parents=True, exist_ok=True)
        (workdir / "config.json").write_text(json.dumps({"format": 1, **config.to_dict(), "versions": {}}))
        lines = [
            {"step": s, "loss": 2.0, "seconds": 0.1, "input_tokens_per_second": 3000.0, "target_tokens_per_second": 1000.0,
             "flops_per_second": 2e9}
            for s in range(10, config.train.steps + 1, 10)
        ]  # fmt: skip
        (workdir / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        tasks = [{"realised_share": 1.0, "mean_input_tokens": 15.0, "mean_target_tokens": 5.0}]
        (workdir / "mixture.json").write_text(json.dumps({"format": 1, "tasks": tasks}))
        done = workdir / "checkpoints" / str(config.train.steps)
        done.mkdir(parents=True)
        (done / "_CHECKPOINT_METADATA").write_text("{}")

    def _evaluate(self, workdir, cell):
        config = cell.config
        how = protocol.protocol(config.evaluation, (), "0" * 16, {})
        folder = workdir / "evaluation" / protocol.folder_name(how, config.train.steps)
        folder.mkdir(parents=True)
        table = predictions(config.heldout[0], skill_of(config, self.effect), f"{workdir.name}{cell.flags}", config.train.steps)
        pq.write_table(table, folder / "predictions.parquet")
        (folder / "protocol.json").write_text(json.dumps(protocol.record(how, config.train.steps, seconds=1.0, devices="cpu")))
        (folder / "report.html").write_text("<html>")


def main(folder):
    import os

    from flanjax.cli import main as flanjax
    from flanjax.lab.ablate.command import write
    from flanjax.lab.ablate.plan import make_plan
    from flanjax.lab.ablate.runner import run_plan
    from flanjax.lab.ablate.study import Study

    folder.mkdir(parents=True, exist_ok=True)
    furnish(folder)
    os.chdir(folder)
    studies = {
        "curve": ({"templates": (1, 2, 6)}, lambda c: 0.5 + 0.25 * c.ablation.templates),
        "crossed": (
            {"leave_one_out": ("clusters",), "hold_out": ("clusters",)},
            lambda c: 1.5 - 1.2 * ("topic" in c.leave_out) - 0.3 * ("reading" in c.leave_out),
        ),
        "named": (
            {"rate": ("own", "equal", "temperature:3"), "cot": ("on", "off")},
            lambda c: 1.0 - 0.6 * (c.ablation.rate == "equal"),
        ),
        "swarm": ({"weights": ("swarm:20",)}, lambda c: 3 * share_of("topic", c) - share_of("reading", c)),
        "swarm_of_noise": ({"weights": ("swarm:12",)}, lambda c: 1.0),
    }  # fmt: skip
    for name, (axes, effect) in studies.items():
        out = Path(name)
        plan = make_plan(Study(config="config.py", axes=axes, seeds=1 if "swarm" in name else 3))
        fails = [next(reversed(plan.trainings))] if name == "named" else []
        write(plan, out, run_plan(plan, out, Script(plan, out, effect, fails), print))
        if "swarm" in name:
            flanjax(["weights", name])


def share_of(cluster, config):
    """A cluster's share in a run's config; a third where the mixture's own shares hold."""
    shares = dict(text.split(":") for text in config.ablation.weights)
    return float(shares.get(cluster, 1 / 3))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
