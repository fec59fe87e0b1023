"""What becomes of the mixture's texts: its own mistakes, what the tokenizer loses, and what does not fit."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from flanjax.check.command import known_beside
from flanjax.check.findings import Example, Finding
from flanjax.check.run_checks import check_mixture
from flanjax.data.packing import Encoded
from flanjax.data.prompts import Prompt
from flanjax.data.queries import Query
from flanjax.lab.doctor.outcome import NotChecked, Outcome
from flanjax.lab.doctor.patient import Patient

ROWS = 5  # of each split, rendered in every template and style
UNKNOWN = 0.005  # share of a task's tokens
LOST = 0.05  # share of a task's visited rows, or of its targets
_FEWEST = 5  # visits of a task or template, below which a share says nothing


def check_texts(patient: Patient) -> Outcome:
    """Calls `flanjax check` for the mixture, without its search for leaks, which reads every row."""
    known = known_beside(None, patient.address) if patient.address.partition(":")[0].endswith(".py") else {}
    report = check_mixture(patient.mixture, rows=ROWS, tokenizer=patient.corpus.tokenizer, leaks=False, known=known)
    findings = [*report.new, *_without_fields(patient)]
    counts = ", ".join(f"{number:,} {what}" for what, number in report.checked.items())
    explained = len(report.findings) - len(report.new)
    said = f"{counts}; {explained} findings are known and explained. `flanjax check` also looks for leaks, in every row"
    return Outcome(said, tuple(findings))


def _without_fields(patient: Patient) -> Iterator[Finding]:
    """Yields a finding for each template that asks the same of rows with different answers."""
    asked = defaultdict[tuple[str, str], list[tuple[str, str]]](list)
    for _, query, prompt in patient.texts:
        if isinstance(prompt, Prompt) and not prompt.num_shots:
            template = query.task.templates[query.wording.template].name
            asked[query.task.name, template].append((prompt.text, prompt.rendered.target))
    for (task, template), pairs in asked.items():
        inputs, targets = {text for text, _ in pairs}, {target for _, target in pairs}
        if len(pairs) >= _FEWEST and len(inputs) == 1 and len(targets) > 1:
            detail = f"asks the same of rows with {len(targets)} different answers: a field is missing"
            shown = (Example("", next(iter(inputs)), next(iter(targets))),)
            yield Finding(kind="no field", task=task, template=template, detail=detail, count=len(pairs), examples=shown)


def check_tokenizer(patient: Patient) -> Outcome:
    """Counts unknown tokens of each task, and texts that the tokenizer does not read back as they were."""
    tokenizer, tokens, unknown, changed = patient.corpus.tokenizer, Counter[str](), Counter[str](), Counter[str]()
    examples, joined = dict[str, Example](), dict[str, Example]()
    texts = 0
    for _, query, prompt in patient.texts:
        if not isinstance(prompt, Prompt):
            continue
        texts, name = texts + 1, query.task.name
        for text, ids in ((prompt.text, prompt.ids), (prompt.rendered.target, prompt.target_ids)):
            lost = ids.count(tokenizer.unk_id)
            tokens[name], unknown[name] = tokens[name] + len(ids), unknown[name] + lost
            if lost:
                examples.setdefault(name, Example("", text, tokenizer.decode(ids)))
        changed["target"] += tokenizer.decode(prompt.target_ids).split() != prompt.rendered.target.split()
        if "\n" in prompt.text and "\n" not in (back := tokenizer.decode(prompt.ids)):
            changed["lines"] += 1
            joined.setdefault(name, Example("", prompt.text, back))
    findings = [
        Finding(
            kind="unknown tokens",
            task=name,
            detail=f"{unknown[name] / count:.1%} of the tokens are unknown to the tokenizer",
            count=unknown[name],
            of=count,
            examples=(examples[name],),
        )
        for name, count in tokens.items()
        if unknown[name] > UNKNOWN * count
    ]
    if joined and not _has_no_lines(patient):
        detail, shown = (
            "the tokenizer loses line breaks, by which templates part a question from its answer",
            tuple(joined.values()),
        )
        findings.append(
            Finding(kind="line breaks", task="", detail=detail, count=changed["lines"], of=texts, examples=shown[:3])
        )
    total = max(tokens.total(), 1)
    said = (
        f"{texts} texts, {total:,} tokens, {unknown.total() / total:.2%} unknown; {changed['target']} targets are not read "
        f"back word by word, {changed['lines']} inputs lose their line breaks"
    )
    return Outcome(said, tuple(findings))


def _has_no_lines(patient: Patient) -> bool:
    """Whether the tokenizer is of a kind that reads no line breaks: T5's vocabulary has none, nor has one trained here."""
    return patient.model.kind == "t5" or patient.config.tokenizer.path == "train"


def check_truncation(patient: Patient) -> Outcome:
    """Counts rows that do not fit, and targets that are trained on without their end."""
    names, layout = patient.corpus.names, patient.layout
    visits, too_long, cut, early = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    reasons, cases = dict[str, str](), dict[str, Example]()
    for skipped in patient.features.skipped:
        visits[names[skipped.task]] += 1
        if skipped.kind == "too_long":
            too_long[names[skipped.task]] += 1
            reasons.setdefault(names[skipped.task], skipped.reason)
    for query, prompt, example in _beside(patient):
        name = query.task.name
        visits[name] += 1
        cut[name] += prompt.cut_target
        if not prompt.cut_target and example.targets.tolist() != layout.targets(prompt.target_ids):
            early[name] += 1
            cases.setdefault(name, Example("", prompt.rendered.target, layout.tokenizer.decode(example.targets.tolist())))
    findings = []
    for name, of in visits.items():
        found = {"task": name, "of": of}
        if of >= _FEWEST and too_long[name] > LOST * of:
            detail = f"rows do not fit the lengths of a row and are left out: {reasons[name]}"
            findings.append(Finding(kind="too long", detail=detail, count=too_long[name], **found))  # type: ignore[arg-type]
        if of >= _FEWEST and cut[name] > LOST * of:
            detail = "targets are cut and have no end; a larger data.features.targets_length keeps them whole"
            findings.append(Finding(kind="cut targets", detail=detail, count=cut[name], **found))  # type: ignore[arg-type]
        if early[name]:
            detail, shown = "targets that are trained on are not those that were rendered", (cases[name],)
            findings.append(
                Finding(kind="other targets", detail=detail, count=early[name], examples=shown, **found)  # type: ignore[arg-type]
            )
    inputs = int(patient.features.cut_examples.sum())
    lost = f"{too_long.total()} do not fit, {cut.total()} targets and {inputs} examples are shortened"
    said = f"{visits.total()} visited rows: {lost}"
    return Outcome(said, tuple(findings))


def _beside(patient: Patient) -> Iterator[tuple[Query, Prompt, Encoded]]:
    """Yields each query with its prompt, rendered here once more, and the example that training makes of it."""
    texts = [(query, prompt) for _, query, prompt in patient.texts if isinstance(prompt, Prompt)]
    if patient.layout.chat is not None and any(query.example.messages for query, _ in texts):
        raise NotChecked("the mixture has conversations, which the chat template cuts turn by turn")
    if len(texts) != len(patient.features.examples):
        raise NotChecked("the examples are made by a function of one's own")
    for (query, prompt), example in zip(texts, patient.features.examples, strict=True):
        yield query, prompt, example
