"""The page of a mixture as one HTML file that fetches nothing: `render`.

Its data are scripts of JSON: one with what the map and the table show, and one for each task, which the page reads when the
task is opened. So a mixture of 1,800 tasks opens at once.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from flanjax.data.feature_config import FeatureConfig
from flanjax.describe.opened import Opened
from flanjax.describe.plan import Description, TaskDescription
from flanjax.describe.samples import Sample
from flanjax.describe.wordings import Distinct, count_distinct, read_some, render_styles
from flanjax.pages.environment import asset, environment
from flanjax.tasks.asked import AnyTemplate
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.task import Task

_UNKNOWN = ("", "unknown", "not stated")  # licences
_PARTS = ("target", "when", "cue", "preamble")  # what a template may have beside its input


class Explored(NamedTuple):
    """A task with rendered examples; it has none, and no count, if its data cannot be opened."""

    task: Task
    samples: tuple[Sample, ...] = ()
    distinct: Distinct | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exploration:
    """Everything that the page is made from.

    Attributes:
      removed: task -> why it is not trained on.
    """

    address: str
    tokenizer: str
    features: FeatureConfig
    description: Description
    tasks: tuple[Explored, ...]
    removed: Mapping[str, str] = dataclasses.field(default_factory=dict)


def explore_tasks(
    mixture: Mixture, opened: Opened, *, each: int = 2, advance: Callable[[], None] = lambda: None
) -> Iterator[Explored]:
    """Yields every task of the mixture with `each` rendered examples of every template."""
    corpus = opened.corpus
    numbers = {} if corpus is None else {name: i for i, name in enumerate(corpus.names)}
    for task in mixture.tasks():
        advance()
        number = numbers.get(task.name)
        drawn = [] if corpus is None or number is None else read_some(corpus, number)
        if corpus is None or number is None or not drawn:
            yield Explored(task)
        else:
            yield Explored(task, render_styles(corpus, number, drawn, each), count_distinct(corpus, number, drawn))


def render(exploration: Exploration) -> str:
    """Returns the page as a string."""
    files = {
        name: asset("flanjax.explore", f"{name}.{kind}")
        for name, kind in (("look", "css"), ("treemap", "js"), ("explore", "js"))
    }
    page = environment().from_string(asset("flanjax.explore", "explore.html.j2"))
    return page.render(**files, **_facts(exploration))


def _facts(exploration: Exploration) -> dict[str, Any]:
    """Returns everything that the template shows."""
    described = exploration.description
    by_name = {task.name: task for task in described.tasks}
    return {
        "mixture": described.mixture,
        "address": exploration.address,
        "tokenizer": exploration.tokenizer,
        "clusters": len({one.task.cluster for one in exploration.tasks}),
        "templates": sum(len(one.task.templates) for one in exploration.tasks),
        "described": described,
        "removed": exploration.removed,
        "cards": _cards(exploration),
        "index": {
            "inputs": exploration.features.inputs_length,
            "targets": exploration.features.targets_length,
            "styles": dict(sorted(described.styles.items(), key=lambda item: -item[1])),
            "tasks": [_row(one, by_name.get(one.task.name), described.missing) for one in exploration.tasks],
        },
        "details": [_detail(one, by_name.get(one.task.name)) for one in exploration.tasks],
    }


def _cards(exploration: Exploration) -> list[dict[str, Any]]:
    """Returns the numbers at the top: name, value, note, and whether it is worth a look."""
    described = exploration.description
    sampled = [task for task in described.tasks if task.sampled]
    cards = []
    if described.packing:
        packing = described.packing
        for part, share in packing.fill.items():
            note = f"of positions in use: {packing.examples:,} examples in {packing.rows:,} rows"
            cards.append(_card(f"Packing fill, {part}", f"{100 * share:.1f}%", note))
    if sampled:
        share = sum(task.realised_share for task in sampled) or 1.0
        cut = sum(task.realised_share * task.cut_share for task in sampled) / share
        lost = sum(task.realised_share * _lost(task) for task in sampled) / share
        cards.append(_card("Truncated", f"{100 * cut:.1f}%", "of examples lose tokens of a long field", cut > 0.1))
        cards.append(_card("Without example", f"{100 * lost:.1f}%", "of rows are bad, left out or too long", lost > 0.02))
    counted = [one.distinct for one in exploration.tasks if one.distinct and one.distinct.wordings]
    if counted:
        wordings, tokenised = sum(c.wordings for c in counted), sum(c.tokenised for c in counted)
        note = f"of {wordings:,} wordings of one row per task still differ once tokenised"
        cards.append(_card("Distinct prompts", f"{100 * tokenised / wordings:.0f}%", note))
    unknown = sum(_licence(one.task) == "unknown" for one in exploration.tasks)
    cards.append(_card("Licence unknown", f"{unknown:,}", f"of {len(exploration.tasks):,} tasks", unknown > 0))
    if described.missing:
        cards.append(
            _card("Data missing", f"{len(described.missing):,}", "tasks cannot be opened; shares are of the others", True)
        )
    return cards


def _card(name: str, value: str, note: str, alarm: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "note": note, "alarm": alarm}


def _lost(task: TaskDescription) -> float:
    return sum(reason.rows for reason in task.reasons) / task.sampled


def _row(one: Explored, described: TaskDescription | None, missing: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the map and the table show of a task; numbers are rounded to keep the page small."""
    task = one.task
    row: dict[str, Any] = {
        "name": task.name,
        "cluster": task.cluster,
        "licence": _licence(task),
        "templates": len(task.templates),
        "styles": sorted({sample.style for sample in one.samples}),
        "missing": missing.get(task.name, ""),
    }
    if one.distinct and one.distinct.wordings:
        row["distinct"] = list(one.distinct)
    if described:
        row |= {
            "rows": described.rows,
            "asked": round(described.asked_share, 7),
            "realised": round(described.realised_share, 7),
            "examples": described.examples,
            "epochs": round(described.epochs, 3),
        }
        if described.lengths:
            row["lengths"] = [round(number, 1) for number in described.lengths]
            row["cut"] = round(described.cut_share, 4)
        if described.sampled:
            row["lost"] = round(_lost(described), 4)
    return row


def _licence(task: Task) -> str:
    return "unknown" if task.licence.lower() in _UNKNOWN else task.licence


def _detail(one: Explored, described: TaskDescription | None) -> dict[str, Any]:
    """Returns what is shown of a task once it is opened."""
    task = one.task
    return {
        "source": task.source.name,
        "link": task.link,
        "lineage": sorted(task.corpora),
        "metrics": list(task.metrics),
        "splits": [task.train or "", task.evaluation or ""],
        "templates": [_template(template) for template in task.templates],
        "samples": [_sample(sample) for sample in one.samples],
        "reasons": [list(reason) for reason in described.reasons] if described else [],
        "sampled": described.sampled if described else 0,
    }


def _template(template: AnyTemplate) -> dict[str, Any]:
    parts = {name: text for name in _PARTS if (text := getattr(template, name, "")) and isinstance(text, str)}
    if parts.get("target") == "{{ answer }}":
        del parts["target"]
    words = getattr(template, "words", None)
    return {
        "name": template.name,
        "kind": template.kind,
        "input": template.input,
        "options": template.options,
        "words": dict(words) if words else {},
        "parts": parts,
    }


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "template": sample.template,
        "style": sample.style,
        "shots": sample.num_shots,
        "input": sample.input,
        "target": sample.target,
        "tokens": [sample.input_tokens, sample.target_tokens, sample.cut_tokens],
        "where": sample.where,
    }
