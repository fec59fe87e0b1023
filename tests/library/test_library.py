"""Every task of mixtures/flan/: what it says of itself, its wordings beside each other, and what they render.

The rows are those made up for each task, in the columns of its data set, and a sample of the real ones where
FLANJAX_HUB_MIRROR names a mirror that has them. `make study` renders 500 rows of each split.
"""

import collections
import itertools
import re

import flan_library as library
import jinja2
import pytest

from flanjax.tasks import sandbox

TASKS = [(file, task) for file in library.FILES for task in library.tasks(file)]
SAMPLE = 6  # rows of each split on the mirror

FEWER_TEMPLATES = {  # cluster or task -> the least number, and why
    "instructions": (3, "the row itself says what to do, so there are only frames around it"),
    "big_bench_hard": (3, "for evaluation only, and the row is a finished question"),
}
ALIKE = 0.65  # share of words that two templates of a task may have in common, at most
SHORT = 4  # words: fewer, such as "Question: ... Answer:", belong to nobody

each_file = pytest.mark.parametrize("file", library.FILES)


def words(text):
    return re.findall(r"[^\W_]+(?:'[a-z]+)?", text.lower())


def spoken(template):
    """The words that a template can say in its input, those within expressions included."""
    trees = [sandbox.parse(text) for text in (template.preamble, template.input)]
    data = [node.data for tree in trees for node in tree.find_all(jinja2.nodes.TemplateData)]
    constants = [node.value for tree in trees for node in tree.find_all(jinja2.nodes.Const) if isinstance(node.value, str)]
    return [*data, *constants, template.cue]


@each_file
def test_a_file_has_one_mixture_of_its_name_that_needs_only_the_hub(file):
    mixtures = library.mixtures(file)
    assert file in mixtures, f"{file}.py has the mixtures {sorted(mixtures)}"
    assert set(mixtures) <= {file, f"{file}_files"}  # those whose rows one has to fetch oneself
    assert all(mixture.name == variable for variable, mixture in mixtures.items())
    assert not library.FOLDER.joinpath(f"{file}.py").read_text().startswith(("import", "from"))  # but with what it is


@each_file
def test_every_task_says_where_it_comes_from_and_is_worded_in_ten_ways(file):
    for task in library.tasks(file):
        assert task.link.startswith("https://"), task
        assert task.licence, task
        assert task.lineage, task
        assert task.forward or task.evaluation is None, task
        least, _ = FEWER_TEMPLATES.get(task.cluster, (10, ""))
        assert len(task.templates) >= least, f"{task} has {len(task.templates)} templates"
        assert task.forward, f"{task} asks for its answer in no template"


def test_no_two_templates_of_a_task_are_nearly_the_same():
    alike = []
    for _, task in TASKS:
        if task.cluster == "big_bench_hard":  # where all wordings hold the benchmark's own instruction
            continue
        said = [(template, frozenset(words(" ".join(spoken(template))))) for template in task.templates]
        for (a, first), (b, second) in itertools.combinations(said, 2):
            if a.kind == b.kind and (
                a.input == b.input or (len(first | second) > SHORT and len(first & second) > ALIKE * len(first | second))
            ):
                alike.append(f"{task} {a.name} and {b.name}:\n  {a.input!r}\n  {b.input!r}")
    assert not alike, "\n".join(alike)


def test_no_template_is_stamped_out_across_data_sets():
    users = collections.defaultdict(set)
    for _, task in TASKS:
        for template in task.templates:
            text = tuple(words(" ".join(template.literals)))
            if len(text) >= SHORT:
                users[text].add((library.data_set(task), task.name, template.name))
    shared = [sorted(found) for found in users.values() if len({data_set for data_set, *_ in found}) > 1]
    assert not shared, "\n".join(map(str, shared))


@each_file
def test_every_tokenizer_can_write_the_words_of_the_templates(file):
    """T5's vocabulary has none of these characters, and knows one blank only."""
    for task in library.tasks(file):
        for template in task.templates:
            texts = [*template.literals, *spoken(template), *template.words.values()]
            lost = {c for text in texts for c in text if c in "<>{}~^\\`"}
            assert not lost, f"{task} {template.name}: {lost}"
            assert not any("  " in text or text != text.strip(" ") for text in (template.input, template.cue)), (task, template)


@each_file
def test_every_task_has_a_table_of_its_columns_and_rows_that_have_them(file):
    tables = library.tables(file)
    assert set(tables) == {task.name for task in library.tasks(file)}
    for table in tables.values():
        assert table.columns, table.task
        assert table.known_from, table.task
        assert len(table.rows) >= (1 if table.mirror_split else 2), table.task
        assert all(set(row) == set(table.columns) for row in table.rows), table.task


@each_file
def test_made_rows_render_without_a_finding(file):
    for task in library.tasks(file):
        found, counted = library.findings(file, task, {"made": library.made_rows(library.tables(file)[task.name])}, None)
        assert not found, "\n".join(map(library.said, found))
        assert counted.get("examples"), f"{task}: {counted}"


@each_file
def test_a_sample_of_the_real_rows_renders_without_a_finding(file):
    for task in library.tasks(file):
        table, splits = library.tables(file)[task.name], library.mirrored_splits(task)
        if not splits or table.mirror_split is None:
            continue
        assert table.mirror_split in splits, f"{task}: the mirror has {splits}"
        opened = {split: task.source.open(split) for split in splits}
        found, _ = library.findings(file, task, opened, SAMPLE)
        assert not found, "\n".join(map(library.said, found))


def test_the_library_has_the_breadth_of_a_flan():
    data_sets = {library.data_set(task) for _, task in TASKS}
    templates = [template for _, task in TASKS for template in task.templates]
    inverted = sum(template.kind == "inverted" for template in templates)
    clusters = {task.cluster for _, task in TASKS}
    tasks = f"{len(TASKS)} tasks of {len(data_sets)} data sets in {len(clusters)} clusters"
    print(f"{tasks}, {len(templates)} templates, {inverted} of them inverted")
    assert len(data_sets) >= 100
    assert len(templates) >= 1000
    names = collections.Counter(task.name for _, task in TASKS)
    assert max(names.values()) == 1, f"one name for two tasks: {[n for n, c in names.items() if c > 1]}"
