"""`flanjax lm-eval`: lm-evaluation-harness on a model of flanjax, or our tasks written for it."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from etils import epath

from flanjax import storage
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.questions import scoring_layout
from flanjax.names import nearest
from flanjax.parallel import distributed
from flanjax.run.evaluation import named_tasks
from flanjax.run.loaded import load_model
from flanjax.tasks.registry import load_mixture


def lm_eval(args: argparse.Namespace) -> None:
    """Runs the command with its parsed arguments."""
    if args.write_tasks:
        _write(args)
        return
    if not args.model or not args.tasks:
        raise ValueError("flanjax lm-eval needs --model WORKDIR|HF and --tasks; or --write-tasks FILE:NAME and --output DIR")
    _run(args)


def _write(args: argparse.Namespace) -> None:
    from flanjax.harness.task_files import unlimited, write_tasks

    if not args.output:
        raise ValueError("flanjax lm-eval --write-tasks needs --output DIR, where the tasks go")
    config = EvaluationConfig(preset="lm_eval", items=args.limit or 0, shots=(args.num_fewshot or 0,))
    chosen = named_tasks(load_mixture(args.write_tasks), args.tasks or ())
    if args.model:
        model = load_model(args.model)
        layout = scoring_layout(model.features, config, model.tokenizer)
    else:
        layout = scoring_layout(unlimited(), config, ByteTokenizer())
    names = write_tasks(args.output, chosen, config, layout)
    print(f"{len(names)} tasks written to {args.output}; run them with")
    print(f"  flanjax lm-eval --model MODEL --include-path {args.output} --tasks {' '.join(names[:3])}")


def _run(args: argparse.Namespace) -> None:
    from flanjax.harness.language_model import FlanjaxLM
    from flanjax.harness.library import TaskManager, handle_non_serializable, make_table, simple_evaluate

    manager = TaskManager(include_path=args.include_path)
    tasks = _known(args.tasks, manager)
    model = FlanjaxLM(load_model(args.model), batch_size=args.batch_size, max_length=args.max_length)
    found = simple_evaluate(
        model=model,
        tasks=tasks,
        num_fewshot=args.num_fewshot,
        limit=args.limit,
        log_samples=args.log_samples,
        task_manager=manager,
    )
    assert found is not None  # only other ranks than the first get nothing, and every process here is its own
    if not distributed.is_first():
        return
    print(make_table(found))
    if found.get("groups"):
        print(make_table(found, "groups"))
    if args.output:
        _save(epath.Path(args.output), found, handle_non_serializable)


def _known(patterns: Sequence[str], manager: Any) -> list[str]:
    """Returns the names of the tasks, groups and tags that are meant."""
    if unknown := [pattern for pattern in patterns if not manager.match_tasks([pattern])]:
        raise ValueError(f"lm-eval has no task {unknown[0]!r}; {nearest(unknown[0], manager.all_tasks)}")
    return list(manager.match_tasks(list(patterns)))


def _save(folder: epath.Path, found: dict[str, Any], default: Any) -> None:
    """Writes results.json, and samples_TASK.jsonl for every task whose samples were kept."""
    storage.reach(folder)
    folder.mkdir(parents=True, exist_ok=True)
    samples = found.pop("samples", {})
    (folder / "results.json").write_text(json.dumps(found, indent=2, default=default, ensure_ascii=False) + "\n")
    for task, rows in samples.items():
        lines = (json.dumps(row, default=default, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"samples_{task}.jsonl").write_text("".join(lines))
    print(f"results: {folder / 'results.json'}")
