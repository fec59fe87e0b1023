"""The rows and metrics of the tasks in this folder, which `flanjax lm-eval --write-tasks` wrote. The YAML files name them."""

import json
from pathlib import Path
from typing import Any

from datasets import Dataset


def read(file: str, **others: Any) -> dict[str, Dataset]:
    """Returns the rows of a file beside this one."""
    del others
    with (Path(__file__).parent / file).open(encoding="utf-8") as lines:
        return {"test": Dataset.from_list([json.loads(line) for line in lines])}


def scores(row: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Returns the scores of a written text, from 0 to 1, as flanjax computes them."""
    from flanjax.evaluate.metrics import get_metric  # choices are scored without it
    from flanjax.tasks.answers import extract

    answer, _ = extract(results[0], extractor=row["extractor"])
    metrics = {name: get_metric(name).per_item for name in row["metrics"]}
    return {name: float(score([answer], [row["references"]])[0]) / 100 for name, score in metrics.items() if score}
