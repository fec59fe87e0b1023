"""The report's table of prompts: each task's score with its prompts chosen, calibrated, or with other demonstrations."""

from collections.abc import Sequence
from typing import Any

from flanjax.evaluate.prompt_columns import ALL, CHOSEN, PERPLEXITY
from flanjax.evaluate.verdict import setting_name
from flanjax.report.runs import RunRecord
from flanjax.report.score_view import colour, evaluated, main_model, of_model

MEANINGS = {
    ALL: "the mean over templates, as above",
    "sum": "options compared by their log-likelihood",
    "pmi": "minus their log-likelihood after the premise alone",
    "calibrated": "divided by their probability under the same prompt without content",
    PERPLEXITY: "the template whose prompts surprise the model least; no label is used",
    CHOSEN: "for each half of the items the template that is best on the other half",
    "random_labels": "exemplars with labels drawn at random",
    "labels_only": "exemplars without their inputs",
    "inputs_only": "exemplars without their labels",
    "wrong_format": "exemplars label first, without the words that part both",
}


def prompt_rows(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Returns a row for each column of each task, columns of one task together; none for evaluations of older versions."""
    found = []
    for i, run, evaluation in evaluated(runs):
        for row in of_model(evaluation.results.get("prompts", []), main_model(evaluation)):
            for number, column in enumerate(row["columns"]):
                place = {name: row[name] for name in ("cluster", "task")} | {"setting": setting_name(row)}
                shown = {
                    "run": run.name,
                    "colour": colour(i),
                    "order": i,
                    "number": number,
                    "meaning": MEANINGS[column["name"]],
                }
                found.append({**column, **place, **shown, "one": column["templates"] if len(column["templates"]) == 1 else []})
    found.sort(key=lambda r: (r["cluster"], r["task"], r["setting"], r["order"], r["number"]))
    for before, row in zip([None, *found], found, strict=False):
        row["again"] = before is not None and all(before[n] == row[n] for n in ("task", "setting", "run"))
    return found
