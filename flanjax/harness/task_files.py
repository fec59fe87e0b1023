"""Our tasks as those of lm-evaluation-harness: a YAML file for each task, template and number of shots, and a file of its rows.

The rows are the rendered prompts that `flanjax evaluate` asks with the same settings, exemplars included, so that lm-eval's
accuracy of a model is ours under the preset "lm_eval". The folder can be moved: its files find each other.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from etils import epath

from flanjax import storage
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import Layout
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.metrics import get_metric, normalize_label
from flanjax.evaluate.questions import Item, ask, canonical
from flanjax.tasks.task import Task

PREFIX = "flanjax"  # of the names, so that no task of lm-eval's own has them
_CODE = "rows.py"
_UNLIMITED = 1 << 24


class _Function(str):
    """The name of a function, which lm-eval looks up."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Function, lambda dumper, name: dumper.represent_scalar("!function", str(name)))


def unlimited() -> FeatureConfig:
    """Returns features under which no prompt is cut and no exemplar left out, for tasks that any model may be asked."""
    return FeatureConfig(layout="encoder_decoder", inputs_length=_UNLIMITED, targets_length=_UNLIMITED)


def write_tasks(
    output: epath.PathLike,
    tasks: Sequence[Task],
    config: EvaluationConfig,
    layout: Layout,
    log: Callable[[str], None] = print,
) -> list[str]:
    """Writes the tasks into a folder, which `--include-path` takes, and returns their names.

    Chains of thought are left out: lm-eval would not find their answers as flanjax does.

    Args:
      config: which rows, templates and shots.
      layout: of the model that is to be asked, which decides what fits; and whether a separator stands before the answer.
    """
    storage.reach(output)
    folder = epath.Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    asked = ask(tasks, config, layout)
    for name, lost in asked.left_out.items():
        log(f"warning: task {name}: {lost['left_out']} of {lost['rows']} evaluation rows left out; {lost['reasons'][0]}")
    separator = "" if layout.config.layout == "encoder_decoder" or layout.chat else layout.config.separator
    written = []
    for name, items in _grouped([item for item in asked.items if item.query.wording.chain is None]):
        metrics = items[0].query.asked.metrics or items[0].query.task.metrics
        if lost_metrics := [m for m in metrics if not _has(m, items[0].is_ranked)]:
            log(f"{name}: lm-eval has no {', '.join(lost_metrics)}")
        rows = [_row(item, separator) for item in items]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        (folder / f"{name}.yaml").write_text(
            yaml.dump(_task(name, items[0], config, separator), Dumper=_Dumper, sort_keys=False)
        )
        written.append(name)
    (folder / _CODE).write_text((Path(__file__).parent / _CODE).read_text())
    return written


def _grouped(items: Sequence[Item]) -> Iterator[tuple[str, list[Item]]]:
    """Yields items of one task, template and number of shots, with a name for them."""

    def setting(item: Item) -> tuple[str, int, int]:
        return item.query.task.name, item.query.wording.template, item.shots

    taken: set[str] = set()
    for (task, template, shots), group in groupby(sorted(items, key=setting), key=setting):
        members = list(group)
        words = re.sub(r"\W+", "_", members[0].query.task.templates[template].name).strip("_").lower()
        name = f"{PREFIX}_{task}_{words or template}" + (f"_{shots}_shots" if shots else "")
        while name in taken:
            name = f"{name}_{template}"
        taken.add(name)
        yield name, members


def _row(item: Item, separator: str) -> dict[str, Any]:
    query = item.query
    references, options = canonical(query)
    if not item.is_ranked:
        asked = {"references": list(references), "metrics": list(query.asked.metrics or query.task.metrics)}
        return {"input": item.prompt.text + separator, **asked, "extractor": query.task.extractor}
    right = {normalize_label(reference) for reference in references}
    gold = [place for place, option in enumerate(options) if normalize_label(option) in right]
    return {"input": item.prompt.text, "choices": list(query.asked.targets), "gold": gold}


def _task(name: str, item: Item, config: EvaluationConfig, separator: str) -> dict[str, Any]:
    """Returns the contents of a YAML file."""
    task = item.query.task
    common = {
        "task": name,
        "tag": [f"{PREFIX}_{task.name}", f"{PREFIX}_{task.cluster}_cluster"],
        "custom_dataset": _Function("rows.read"),
        "dataset_kwargs": {"file": f"{name}.jsonl"},
        "test_split": "test",
        "num_fewshot": 0,  # a row has its exemplars
        "doc_to_text": "input",
        "target_delimiter": separator,
    }
    if item.is_ranked:
        measured = [
            {"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in ("acc", "acc_norm", "acc_bytes")
        ]
        return {
            **common,
            "output_type": "multiple_choice",
            "doc_to_choice": "choices",
            "doc_to_target": "gold",
            "metric_list": measured,
        }
    metrics = [m for m in item.query.asked.metrics or task.metrics if _has(m, False)]
    return {
        **common,
        "output_type": "generate_until",
        "doc_to_target": "references",
        "generation_kwargs": {"until": [], "do_sample": False, "max_gen_toks": config.max_target_tokens},
        "process_results": _Function("rows.scores"),
        "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in metrics],
    }


def _has(metric: str, ranked: bool) -> bool:
    """Whether lm-eval can compute a metric: of choices the accuracy, of texts what is a mean of the items' scores."""
    return metric == "accuracy" if ranked else get_metric(metric).per_item is not None
