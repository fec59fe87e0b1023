"""The pool of tasks, from the seeds to as many as are wanted: prompts, what is kept, and what is dropped for which reason.

Everything here is a pure function of the settings and the replies, in their order; see flanjax/lab/writing/replies.py.
"""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from flanjax.ask.settings import Settings
from flanjax.lab.instruct.filters import contradictions, instance_problem, instruction_problem
from flanjax.lab.instruct.parse import instances, whole_tasks, yes_or_no
from flanjax.lab.instruct.recipe import ALPACA, AT_ONCE, Recipe
from flanjax.lab.instruct.seeds import Instance, Shown
from flanjax.lab.writing.ask import Reply
from flanjax.lab.writing.likeness import Near, Pool
from flanjax.lab.writing.lists import numbered
from flanjax.lab.writing.replies import Replies
from flanjax.lab.writing.rows import Drop, Rows
from flanjax.lab.writing.wording import Blocks

_EXAMPLES = 4  # tasks shown in a prompt for an instance
_ALPACA_LAST = 20  # tasks of a list, those shown included, as Alpaca's prompt asks for
_CLASSIFY_TOKENS = 4


class Candidate(NamedTuple):
    """A new task: what it came from, and what of the pool it is most like."""

    task: Shown
    parents: tuple[str, ...]
    near: Near | None
    reply: int
    prompt: str


class Making:
    """Tasks made so far.

    Args:
      blocked: words and phrases that no instruction may have.

    Attributes:
      rows: what was kept and dropped.
      made: tasks with a row at least.
      prompts: for new tasks, that were asked.
    """

    def __init__(self, seeds: Sequence[Shown], recipe: Recipe, words: Blocks, blocked: Sequence[str], replies: Replies):
        self._seeds, self._recipe, self._words = seeds, recipe, words
        self._blocked, self._replies = blocked, replies
        self._new = Settings(**recipe.drawing._asdict(), seed=recipe.seed)
        self._pool, self._texts, self._known = Pool(), dict[str, str](), 0
        for seed in seeds:
            self._add(seed)
        self.rows, self.made, self.prompts = Rows(), list[Shown](), 0
        self._seen = set[tuple[str, str, str]]()

    def run(self) -> None:
        """Makes tasks until there are as many as wanted, or the prompts are used up."""
        while len(self.made) < self._recipe.tasks and self.prompts < self._recipe.prompts:
            shown = [self._draw(self.prompts + n) for n in range(AT_ONCE)]  # always as many: more --prompts go on with these
            self.prompts += AT_ONCE
            self._round_of_alpaca(shown) if self._recipe.recipe == ALPACA else self._round(shown)
            self.rows.mark(self.prompts)

    def _draw(self, number: int) -> list[Shown]:
        """The tasks that a prompt shows: of Self-Instruct 6 seeds and 2 that were made, of Alpaca 3 seeds."""
        drawn = random.Random(f"{self._recipe.seed} {number}")
        of_seeds, of_made = (3, 0) if self._recipe.recipe == ALPACA else (8 - min(2, len(self.made)), 2)
        found = drawn.sample(self._seeds, min(of_seeds, len(self._seeds)))
        found += drawn.sample(self.made, min(of_made, len(self.made)))
        drawn.shuffle(found)
        return found

    def _round_of_alpaca(self, shown: Sequence[list[Shown]]) -> None:
        prompts = [self._words["whole"](tasks=tasks, last=_ALPACA_LAST) for tasks in shown]
        for tasks, prompt, (number, reply) in zip(shown, prompts, self._ask("whole", prompts, self._new), strict=True):
            if not reply:
                continue
            found, bad = whole_tasks(reply.text, len(tasks) + 1, ended=reply.ended)
            self._drop_all(bad, "whole", number)
            for one in found:
                made = self._candidate(one.instruction, tasks, number, prompt, "whole", output=one.instance)
                if made:
                    self._keep(made._replace(task=made.task._replace(instances=(one.instance,))), [number], "whole")

    def _round(self, shown: Sequence[list[Shown]]) -> None:
        prompts = [self._words["instructions"](tasks=tasks) for tasks in shown]
        new: list[Candidate] = []
        for tasks, prompt, (number, reply) in zip(shown, prompts, self._ask("instructions", prompts, self._new), strict=True):
            if not reply:
                continue
            found = numbered(reply.text, len(tasks) + 1, ended=reply.ended)
            self._drop_all(found.bad, "instructions", number)
            made = (self._candidate(item, tasks, number, prompt, "instructions") for item in found.items)
            new += filter(None, made)
        self._instances(self._classified(new))

    def _classified(self, new: Sequence[Candidate]) -> list[tuple[Candidate, int]]:
        """New tasks with what they are, and the number of the reply that says so."""
        both = [*self._examples(True), *self._examples(False)]
        prompts = [self._words["classification"](tasks=both, instruction=one.task.instruction) for one in new]
        found = []
        settings = Settings(max_tokens=_CLASSIFY_TOKENS)
        for one, (number, reply) in zip(new, self._ask("classification", prompts, settings, new), strict=True):
            if not reply:
                continue
            said = yes_or_no(reply.text)
            if said is None:
                why = Drop("not classified", f"the reply is {reply.text[:40]!r}, expected yes or no")
                self.rows.drop(one.task.instruction, why, stage="classification", reply=number)
            else:
                found.append((one._replace(task=one.task._replace(classification=said)), number))
        return found

    def _instances(self, tasks: Sequence[tuple[Candidate, int]]) -> None:
        """Asks for inputs and outputs: of a classification the label first, so that no label is left out."""
        stages = ["labels" if one.task.classification else "inputs" for one, _ in tasks]
        prompts = [
            self._words[stage](tasks=self._examples(one.task.classification), instruction=one.task.instruction)
            for stage, (one, _) in zip(stages, tasks, strict=True)
        ]
        settings = Settings(max_tokens=self._recipe.drawing.max_tokens)
        replies = self._ask(stages, prompts, settings, [one for one, _ in tasks])
        for stage, (one, before), (number, reply) in zip(stages, tasks, replies, strict=True):
            if not reply:
                continue
            found, bad = instances(reply.text, output_first=stage == "labels", ended=reply.ended)
            self._drop_all(bad, stage, number)
            if not found:
                self.rows.drop(
                    one.task.instruction, Drop("no instance", reply.text[:200]), stage=stage, reply=number, id=one.task.id
                )
            self._keep(one._replace(task=one.task._replace(instances=tuple(found))), [one.reply, before, number], stage)

    def _examples(self, classification: bool) -> list[Shown]:
        return [seed for seed in self._seeds if seed.classification == classification][:_EXAMPLES]

    def _ask(
        self, stage: str | list[str], prompts: list[str], settings: Settings, about: Sequence[Candidate] = ()
    ) -> list[tuple[int, Reply | None]]:
        """The replies with their numbers; one that is of no use is dropped, with the task that it is about, and None."""
        stages = stage if isinstance(stage, list) else [stage] * len(prompts)
        found: list[tuple[int, Reply | None]] = []
        for n, (number, reply) in enumerate(self._replies.ask(stages, prompts, settings)):
            if reply.problem:
                why = Drop("no usable reply", reply.problem)
                task = {"id": about[n].task.id, "answer": reply.text} if about else {}
                text = about[n].task.instruction if about else reply.text
                self.rows.drop(text, why, stage=stages[n], reply=number, **task)
            found.append((number, None if reply.problem else reply))
        return found

    def _candidate(
        self, text: str, shown: list[Shown], number: int, prompt: str, stage: str, output: Instance | None = None
    ) -> Candidate | None:
        """A new task, which the pool has from now on; None if it is dropped."""
        near, more = self._pool.nearest(text), output._asdict() if output else {}
        problem = instruction_problem(text, self._blocked)
        if text in self._texts:
            problem = Drop("same as one of the pool", self._texts[text])
        elif not problem and near and near.score > self._recipe.similarity:
            problem = Drop("like one of the pool", f"ROUGE-L {near.score:.2f} with {near.id}: {near.text}")
        if problem:
            self.rows.drop(text, problem, stage=stage, reply=number, **more)
            return None
        self._known += 1
        task = Shown(f"made-{self._known}", text, (), False)
        self._add(task)
        return Candidate(task, tuple(one.id for one in shown), near, number, prompt)

    def _add(self, task: Shown) -> None:
        self._pool.add(task.id, task.instruction)
        self._texts.setdefault(task.instruction, task.id)

    def _drop_all(self, bad: Sequence[tuple[str, Drop]], stage: str, number: int) -> None:
        for text, why in bad:
            self.rows.drop(text, why, stage=stage, reply=number)

    def _keep(self, one: Candidate, replies: list[int], stage: str) -> None:
        """Keeps the rows of a task that are some."""
        task, kept = one.task, len(self.rows.kept)
        unclear = contradictions(task.instances)
        for instance in task.instances:
            row: dict[str, Any] = {"instruction": task.instruction, **instance._asdict()}
            problem = instance_problem(task.instruction, instance, most_words=self._recipe.max_words)
            if not problem and instance.input in unclear:
                problem = Drop("same input, other output")
            key = (task.instruction, *instance)
            if not problem and key in self._seen:
                problem = Drop("same row again")
            if problem:
                text = row.pop("instruction")
                self.rows.drop(text, problem, stage=stage, reply=replies[-1], **row)
                continue
            self._seen.add(key)
            kind = "classification" if task.classification else "task" if stage == "whole" else "generation"
            why = f"ROUGE-L {one.near.score:.2f} at most, with {one.near.id}" if one.near else "shares no word with the pool"
            self.rows.kept.append(
                {**row, "id": task.id, "kind": kind, "parents": [*one.parents], "replies": replies, "reason": why}
                | {"prompt": one.prompt}
            )
        if len(self.rows.kept) > kept:
            self.made.append(task)
