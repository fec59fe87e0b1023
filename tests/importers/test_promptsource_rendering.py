"""Every feature of promptsource's language, in training and in evaluation, against what its specification says."""

import copy

import pytest
from promptsource_cases import CASES, ROW, write

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.prompts import build_prompts
from flanjax.data.queries import Query
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.predict import predict
from flanjax.evaluate.questions import ask
from flanjax.generate.request import Text
from flanjax.importers.promptsource import promptsource
from flanjax.importers.promptsource_template import PromptsourceTemplate, example
from flanjax.sources import SourceError, rows
from flanjax.tasks.asked import Wording
from flanjax.tasks.draws import Draws
from flanjax.tasks.render import choose
from flanjax.tasks.styles import Style, StyleShares
from flanjax.tasks.task import BadRow, SkipRow

PLAIN = Wording(0, Style())
LAYOUT = make_layout(FeatureConfig(inputs_length=512, targets_length=512), ByteTokenizer())


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """Case -> the task of a folder with one file a case."""
    folder = tmp_path_factory.mktemp("templates")
    for name, case in CASES.items():
        write(folder, f"cases/{name}", {"jinja": case.source, "choices": case.choices, "metrics": ["BLEU", "Accuracy"]})
    found = promptsource(folder, source=lambda dataset, config: rows(config, train=[ROW], validation=[ROW]))
    assert all("does not use its answer choices" in r.reason for r in found.refused)
    return {task.name.removeprefix("cases."): task for task in found.tasks}


def split(says):
    return [part.strip() for part in says.replace("a|||b", "a\0b").replace("A|||B", "A\0B").split("|||")]


def parts(case):
    """(input, answers) of a case."""
    found = [part.replace("\0", "|||") for part in split(case.says)]
    return found[0], tuple(found[1:])


def test_there_are_sixty_cases_and_more(tasks):
    assert len(CASES) >= 60
    assert list(tasks) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_template_trains_as_its_specification_says(tasks, name):
    case, task = CASES[name], tasks[name]
    read = task.read(copy.deepcopy(ROW))
    chosen = choose(task, read, StyleShares(options=1.0, few_shot=0.0), Draws(0))
    if case.says is None:
        assert chosen is None
        return
    (prompt,) = build_prompts([Query(task, read, chosen.wording, chosen.asked)], LAYOUT.tokenizer, LAYOUT.budget)
    text, answers = parts(case)
    assert (prompt.text, LAYOUT.tokenizer.decode(prompt.target_ids)) == (text, answers[0])
    assert (chosen.asked.references, chosen.asked.options, chosen.asked.targets) == (answers, case.options, case.options)
    assert chosen.asked.metrics == ("bleu", "accuracy")


class First:
    """A scorer that prefers the first option, and writes nothing."""

    def log_likelihoods(self, prompts, options):
        return [[-float(n) for n in range(len(each))] for each in options]

    def generate(self, prompts, max_tokens):
        return [Text(item, 0, [], "", "eos") for item in range(len(prompts))]


@pytest.mark.parametrize("name", CASES)
def test_a_template_is_evaluated_as_its_specification_says(tasks, name):
    case, config = CASES[name], EvaluationConfig()
    if case.says is None:
        with pytest.raises(SourceError, match="template a does not apply to it"):
            ask([tasks[name]], config, LAYOUT)
        return
    asked = ask([tasks[name]], config, LAYOUT)
    (answer,) = predict(asked, config, LAYOUT, First(), model="m", step=0).to_pylist()
    text, answers = parts(case)
    assert (answer["prompt"], tuple(answer["references"]), tuple(answer["options"])) == (text, answers, case.options)
    assert answer["metrics"] == ["bleu", "accuracy"]
    assert answer["scorer"] == ("rank" if case.options else "generate")
    assert answer["prediction"] in (case.options or ("",))
    assert len(answer["option_log_likelihoods"]) == len(case.options)


@pytest.mark.parametrize("name", CASES)
def test_a_template_never_changes_its_row(name):
    row = copy.deepcopy(ROW)
    template = PromptsourceTemplate(CASES[name].source, answer_choices=CASES[name].choices)
    first = template.ask(example(row), PLAIN, None)
    assert row == ROW
    assert template.ask(example(row), PLAIN, None) == first


def asked(source, draws=None, row=ROW, **template):
    return PromptsourceTemplate(source, **template).ask(example(row), PLAIN, draws)


DRAWING = {
    "a constant": "{{ ['a', 'b', 'c'] | choice }} ||| x",
    "a column": "{{ words | choice }} ||| x",
    "in a loop": "{% for w in words %}{{ [w, w | upper] | choice }}{% endfor %} ||| x",
    "jinja's random": "{{ ['a', 'b', 'c'] | random }} ||| x",
    "by map": "{{ ['ab', 'cd'] | map('choice') | join }} ||| x",
}


@pytest.mark.parametrize("source", DRAWING.values(), ids=DRAWING)
def test_a_draw_depends_on_the_example_alone(source):
    found = {seed: asked(source, Draws(seed)).input for seed in range(60)}
    assert len(set(found.values())) > 1, "one draw for all, made when the template was compiled"
    assert found == {seed: asked(source, Draws(seed)).input for seed in reversed(range(60))}
    assert asked(source) == asked(source)


def test_without_draws_the_first_is_taken():
    assert asked("{{ ['a', 'b'] | choice }}{{ ['c', 'd'] | random }} ||| x").input == "ac"


def test_several_draws_of_one_template_are_independent_and_both_halves_share_one():
    source = "{% set p = ['a', 'b'] | choice %}{% set q = ['a', 'b'] | choice %}{{ p }}{{ q }} ||| {{ p }}{{ q }}"
    found = [asked(source, Draws(seed)) for seed in range(60)]
    assert {a.input for a in found} == {"aa", "ab", "ba", "bb"}
    assert all(a.input == a.target for a in found)


def test_nothing_to_choose_from_makes_a_bad_row():
    with pytest.raises(BadRow, match="template 't': choice has nothing to choose from"):
        asked("{{ none_yet | choice }} ||| x", name="t")
    assert asked("<{{ none_yet | random }}> ||| x").input == "<>"


RUNAWAYS = {
    "loops": "{% for a in range(40000) %}{% for b in range(40000) %}x{% endfor %}{% endfor %} ||| x",
    "a long text": "{{ 'x' * 10 ** 9 }} ||| x",
    "a long text, often": "{% set t = 'x' * 9999 %}{% for i in range(9999) %}{{ t }}{% endfor %} ||| x",
    "a list that grows": "{% set l = [1] %}{% for i in range(60) %}{{ l.extend(l) or '' }}{% endfor %} ||| x",
    "a list in itself": "{{ words.append(words) or '' }}{{ words.append(words) }} ||| x",
    "lists of lists": "{% set s = namespace(l=n) %}{% for i in range(60) %}{% set s.l = [s.l, s.l] %}{% endfor %}. ||| x",
    "choices": "x ||| x",
}


@pytest.mark.parametrize("kind", RUNAWAYS)
@pytest.mark.timeout(20)
def test_a_template_that_runs_away_makes_a_bad_row(kind):
    choices = "{{ 'x' * 10 ** 9 }}" if kind == "choices" else None
    with pytest.raises(BadRow, match="template 'wild': "):
        asked(RUNAWAYS[kind], name="wild", answer_choices=choices)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ text.__class__ }}{{ words.append.__self__ }}{{ ''.__class__.__mro__ }} ||| x", "unsafe"),
        ("{{ lipsum() }} ||| x", "'lipsum' is undefined"),
        ("{{ n.missing.more }} ||| x", "has no attribute 'missing'"),
        ("{{ '\ud800' }} ||| x", "half of a surrogate pair"),
    ],
)
def test_what_cannot_be_rendered_makes_a_bad_row(source, reason):
    with pytest.raises(BadRow, match=reason):
        asked(source)


def test_a_row_with_the_templates_own_name_is_bad():
    with pytest.raises(BadRow, match="'answer_choices', which is the template's own name"):
        asked("{{ text }} ||| x", row={**ROW, "answer_choices": ["a"]})


def test_long_texts_are_not_cut():
    assert len(asked("{{ text }} ||| {{ text }}", row={"text": "x" * 5000}).target) == 5000


def test_a_cue_at_the_end_is_known_and_options_are_never_added():
    shown = asked("Wet? Answer: ||| {{ answer_choices[0] }}", answer_choices="yes ||| no", shows_choices=True)
    assert (shown.ends_in_cue, shown.places_options) == (True, True)
    assert not asked("Wet? ||| yes").ends_in_cue


def test_a_template_says_which_fields_it_names():
    template = PromptsourceTemplate("{{ text }} {{ answer }} ||| {{ n }}", answer_choices="{{ words | join('|||') }}")
    assert template.input_variables == {"text", "answer (column)", "words"}
    assert template.target_variables == {"n", "words"}
    across = PromptsourceTemplate("{% set p = words[0] %}{% if n %}{{ text }} {{ p }} ||| {{ p }}{% endif %}")
    assert across.input_variables == across.target_variables == {"words", "n", "text"}
    assert PromptsourceTemplate("Is it {{ n }}? ||| yes").literals == ("Is it", "?", "yes")


def test_a_row_without_a_label_is_left_out():
    assert example({"text": "x", "label": 0}).fields["label"] == 0
    with pytest.raises(SkipRow, match=r"no label \(-1\)"):
        example({"text": "x", "label": -1})
