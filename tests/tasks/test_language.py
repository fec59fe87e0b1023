"""What a wording can say: its own answers and options, when it applies, how it ends, and what stands above it."""

import dataclasses

import pytest
from asking import candidates, written

from flanjax import Example, Exemplar, ExemplarFormat, Task, Template, rows
from flanjax.tasks.asked import Asked
from flanjax.tasks.draws import Draws
from flanjax.tasks.options import OptionStyle
from flanjax.tasks.render import CHAINS_OF_THOUGHT, Wording, ask, choose, render, shows_options
from flanjax.tasks.styles import Style, StyleShares
from flanjax.tasks.task import BadRow, SkipRow
from flanjax.tasks.template import TemplateError

PAIR = Example({"text": "It rained.", "hint": None}, "yes", ("yes", "no"))
PLAIN, SHOWN = Wording(0, Style()), Wording(0, Style(options=True))
LETTERS = Wording(0, Style(options=True), options=OptionStyle("Pick.", "(A)", "label"))


def task(*templates, example=PAIR, **changes):
    made = {"name": "wet", "cluster": "weather", "source": rows("wet", train=[{}]), "example": lambda row: example}
    return Task(**made | changes, templates=templates)


def test_the_words_of_a_wording_reach_options_target_candidates_and_references_alike():
    worded = task(Template("Wet? {{ text }}", "It is {{ answer }}.", words={"yes": "True", "no": "False"}))
    assert written(worded, PAIR, SHOWN) == ("Wet? It rained.\nOptions:\n- True\n- False", "It is True.")
    assert candidates(worded, PAIR, SHOWN) == ("It is True.", "It is False.")
    asked = ask(worded, PAIR, SHOWN)
    assert (asked.references, asked.options) == (("True",), ("True", "False"))
    assert written(worded, PAIR, LETTERS) == ("Wet? It rained.\nPick.\n(A) True\n(B) False", "It is (A).")
    some = task(Template("{{ text }} {{ choices | join(' or ') }}?", words={"no": "never"}))
    assert written(some, PAIR, SHOWN) == ("It rained. yes or never?", "yes")


def test_words_that_make_two_answers_one_are_refused():
    with pytest.raises(TemplateError, match="two answers the same text"):
        Template("{{ text }}", words={"yes": "so", "no": "so"})
    with pytest.raises(BadRow, match=r"template '0': its words make two options the same: \['no', 'no'\]"):
        ask(task(Template("{{ text }}", words={"yes": "no"})), PAIR, PLAIN)


@pytest.mark.parametrize(
    ("template", "by_style", "shown"),
    [
        (Template("{{ text }}"), False, False),
        (Template("{{ text }}"), True, True),
        (Template("{{ text }}", options="always"), False, True),
        (Template("{{ text }}", options="never"), True, False),
        (Template("{{ text }} {{ choices[0] }}?"), False, True),
        (Template("{{ answer }}", "{{ text }}", "inverted"), True, False),
    ],
)
def test_a_wording_shows_its_options_always_never_or_by_style(template, by_style, shown):
    assert shows_options(template, PAIR, by_style=by_style) is shown
    assert not shows_options(template, PAIR._replace(options=()), by_style=True)
    shares = StyleShares(options=float(by_style), inverted=1.0)
    assert choose(task(template), PAIR, shares, Draws(0)).wording.style.options is shown


def test_how_options_are_shown_is_one_of_three_words():
    with pytest.raises(TemplateError, match="options is 'sometimes', expected 'style', 'always' or 'never'"):
        Template("{{ text }}", options="sometimes")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Wet?\n{{ options }}\n{{ text }}", "Wet?\nIt rained."),
        ("{{ options }}\n{{ text }}", "It rained."),
        ("{{ text }}\n  {{ options }}", "It rained."),
        ("Wet? {{ options }} {{ text }}", "Wet? It rained."),
        ("{{ text }}{% if options %} Choose.\n{{ options }}{% endif %}", "It rained."),
    ],
)
def test_hidden_options_leave_no_blank_line_behind(text, hidden):
    asked = task(Template(text))
    assert written(asked, PAIR, PLAIN)[0] == hidden
    assert "Options:\n- yes\n- no" in written(asked, PAIR, SHOWN)[0]


def test_a_wording_is_used_only_where_it_applies_and_another_is_drawn_instead():
    picky = task(
        Template("No hint: {{ text }}", when="text == 'It snowed.'"),
        Template("{{ hint }}", when="hint"),
        Template("{{ text }}"),
    )
    chosen = [choose(picky, PAIR, StyleShares(), Draws(n)) for n in range(60)]
    assert {c.wording.template for c in chosen} == {2}
    assert {c.refused for c in chosen} == {0, 1, 2}
    snow = [choose(picky, PAIR._replace(fields={"text": "It snowed."}), StyleShares(), Draws(n)) for n in range(60)]
    assert {c.wording.template for c in snow} == {0, 2}
    only = task(Template("{{ hint }}", when="hint"))
    assert choose(only, PAIR, StyleShares(), Draws(0)) is None
    assert ask(only, PAIR._replace(fields={"text": "x", "hint": "dark clouds"}), PLAIN).input == "dark clouds"
    with pytest.raises(TemplateError, match="the condition is not Jinja2"):
        Template("{{ text }}", when="hint ==")
    with pytest.raises(BadRow, match="division"):
        ask(task(Template("{{ text }}", when="1 // 0")), PAIR, PLAIN)


def test_a_wording_that_does_not_apply_asks_nothing_of_its_target_either():
    reasoned = task(Template("{{ text }} Why?", "{{ answer }}, because {{ hint }}", when="hint"), Template("{{ text }}"))
    assert {choose(reasoned, PAIR, StyleShares(), Draws(n)).wording.template for n in range(20)} == {1}


def test_hidden_options_leave_no_mark_in_targets_and_preambles():
    asks = task(Template("{{ text }}"), Template("Ask about: {{ text }}", "Wet?\n{{ options }}", "inverted"))
    inverted = Wording(1, Style(inverted=True))
    assert written(asks, PAIR, inverted)[1] == "Wet?"
    assert written(asks, PAIR, inverted._replace(style=Style(inverted=True, options=True))) == (
        "Ask about: It rained.",
        "Wet?\nOptions:\n- yes\n- no",
    )
    above = task(Template("{{ text }}", preamble="Pick one.\n{{ options }}"))
    assert written(above, PAIR, PLAIN)[0] == "Pick one.\n\nIt rained."


def test_an_inverted_wording_shows_options_only_if_it_names_them():
    placing, other = (Template(text, "{{ text }}", "inverted") for text in ("Ask.\n{{ options }}", "Ask."))
    assert [shows_options(t, PAIR, by_style=True) for t in (placing, other)] == [True, False]


def test_of_several_answers_one_that_is_an_option_is_trained_on():
    several = PAIR._replace(answer=("yes", "yeah", "no"))
    chosen = [choose(task(Template("{{ text }}"), target="random"), several, StyleShares(), Draws(n)) for n in range(40)]
    assert {c.asked.references[0] for c in chosen} == {"yes", "no"}


def test_a_cue_comes_last_and_only_once():
    cued = task(Template("Wet? {{ text }}", cue="Answer:"), Template("Wet? {{ text }} Say:"), Template("Wet? {{ text }}"))
    assert written(cued, PAIR, SHOWN)[0] == "Wet? It rained.\nOptions:\n- yes\n- no\nAnswer:"
    reasons = PAIR._replace(rationale="Rain is wet.")
    chain = CHAINS_OF_THOUGHT[0]
    assert written(cued, reasons, PLAIN._replace(chain=chain))[0] == f"Wet? It rained.\n{chain.request}\nAnswer:"
    ends = [render(ask(cued, PAIR, Wording(t, Style())), Wording(t, Style())).has_cue for t in range(3)]
    assert ends == [True, True, False]
    over = render(ask(cued, PAIR, SHOWN._replace(template=1)), SHOWN._replace(template=1))
    assert not over.has_cue, "the options stand after it"


def test_a_preamble_stands_above_the_question():
    above = task(Template("{{ text }}", preamble="About {{ text | lower }}"))
    assert written(above, PAIR, PLAIN) == ("About it rained.\n\nIt rained.", "yes")
    with pytest.raises(TemplateError, match="gives the answer away"):
        Template("{{ text }}", preamble="{{ answer }}")


def test_styles_draw_uniformly_over_all_templates_where_no_share_of_inverted_ones_is_given():
    inverted = [Template("{{ answer }}", "{{ text }}" + "." * n, "inverted") for n in range(3)]
    drawn = [choose(task(Template("{{ text }}"), *inverted), PAIR, StyleShares(inverted=None), Draws(n)) for n in range(2000)]
    shares = [sum(c.wording.template == t for c in drawn) / 2000 for t in range(4)]
    assert shares == pytest.approx([0.25] * 4, abs=0.04)
    none = [choose(task(*inverted), PAIR, StyleShares(inverted=0.0), Draws(n)) for n in range(20)]
    assert all(c.wording.style.inverted for c in none)


def test_formats_and_the_number_of_exemplars_may_be_the_wordings_own():
    own = (ExemplarFormat("One: ", "Two: "), ExemplarFormat("Three: ", "Four: "))
    fixed = task(Template("{{ text }}", exemplars=own, shots=2), Template("{{ text }}?", shots=0))
    chosen = [choose(fixed, PAIR, StyleShares(few_shot=1.0), Draws(n)).wording for n in range(80)]
    assert {(w.template, w.num_shots) for w in chosen} == {(0, 2), (1, 0)}
    assert {w.exemplars for w in chosen if w.template == 0} == set(own)
    mixture = StyleShares(few_shot=1.0, exemplar_formats=own[:1], chains_of_thought=CHAINS_OF_THOUGHT[1:2])
    reasons = PAIR._replace(rationale="Rain is wet.")
    drawn = [choose(task(Template("{{ text }}")), reasons, mixture, Draws(n)).wording for n in range(30)]
    assert {w.exemplars for w in drawn} == {own[0]}
    assert {w.chain for w in drawn} == {None, CHAINS_OF_THOUGHT[1]}
    never = task(Template("{{ text }}"), few_shot=False)
    assert {choose(never, PAIR, StyleShares(few_shot=1.0), Draws(n)).wording.num_shots for n in range(20)} == {0}


def test_any_of_several_answers_may_be_trained_on_and_all_are_kept():
    many = Example({"text": "x"}, ("a", "b", "c"))
    random = task(Template("{{ text }}"), example=many, target="random")
    found = [ask(random, many, PLAIN, Draws(n)) for n in range(60)]
    assert {a.target for a in found} == {"a", "b", "c"}
    assert {frozenset(a.references) for a in found} == {frozenset("abc")}
    assert all(a.target == a.references[0] for a in found)
    assert {ask(random, many, PLAIN, Draws(n), keep_order=True).references for n in range(20)} == {("a", "b", "c")}
    with pytest.raises(ValueError, match="target is 'last'"):
        task(Template("{{ text }}"), target="last")


def test_an_example_may_draw_and_a_row_may_give_several():
    def turn(row, draws):
        return Example({"text": str(draws.integer("turn", 3))}, "x")

    drawing = task(Template("{{ text }}"), example=None)
    drawing = dataclasses.replace(drawing, example=turn)
    assert {drawing.read({}, Draws(n)).fields["text"] for n in range(40)} == {"0", "1", "2"}
    assert drawing.read({}) == drawing.read({})
    several = dataclasses.replace(drawing, example=lambda row: [Example({"text": str(i)}, "x") for i in range(row["n"])])
    assert {several.read({"n": 3}, Draws(n)).fields["text"] for n in range(40)} == {"0", "1", "2"}
    with pytest.raises(SkipRow, match="gives no example"):
        several.read({"n": 0})
    with pytest.raises(SkipRow, match="the answer is empty"):
        task(Template("{{ text }}"), example=Example({"text": "x"}, " ")).read({})


def test_a_template_of_another_make_can_ask_something_else():
    class Reversed:
        name, kind, input, options, shots, exemplars, lists_choices, literals = (
            "r",
            "forward",
            "...",
            "never",
            None,
            (),
            False,
            (),
        )
        input_variables = target_variables = frozenset()

        def named(self, name):
            return self

        def ask(self, example, wording, draws):
            return Asked(example.fields["text"][::-1], "own", ("own",), ("own", "other"), ("own", "other"), metrics=("bleu",))

    other = task(Reversed(), evaluation="train")
    assert written(other, PAIR, PLAIN) == (".deniar tI", "own")
    assert candidates(other, PAIR, PLAIN) == ("own", "other")


def test_exemplars_of_the_task_may_explain_themselves():
    assert Exemplar(PAIR).explanation == ""
    assert task(Template("{{ text }}"), exemplars=[Exemplar(PAIR, "Rain is wet.")]).exemplars[0].explanation == "Rain is wet."
