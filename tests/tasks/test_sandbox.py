"""The sandbox's limits: every template ends soon, and ordinary templates are not refused."""

import time

import pytest
from asking import written

from flanjax.sources import rows
from flanjax.tasks import sandbox
from flanjax.tasks.render import Wording
from flanjax.tasks.styles import Style
from flanjax.tasks.task import BadRow, Example, Task
from flanjax.tasks.template import Template, TemplateError

VALUES = {"text": "Some words. " * 50, "n": 10**9, "choices": ["yes", "no"], "table": [["a", "b"], ["c", "d"]]}
BILLION = "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = OP %}{% endfor %}{{ n.x }}"
RUNAWAYS = {
    "repetition": "{{ text * 10**9 }}",
    "repetition the other way": "{{ n * text }}",
    "repetition of constants": "{{ 'x' * 10**9 }}",
    "repetition of lists": "{{ ([1] * 10**9) | length }}",
    "a power": "{{ 10 ** (10 ** 10) }}",
    "products of products": BILLION.replace("'ab'", "9").replace("OP", "n.x * n.x"),
    "nested loops": "{% for a in range(40000) %}{% for b in range(40000) %}{{ a }}{% endfor %}{% endfor %}",
    "a loop in a macro": "{% macro m() %}{% for b in range(40000) %}.{% endfor %}{% endmacro %}"
    "{% for a in range(40000) %}{{ m() }}{% endfor %}",
    "a recursive loop": "{% for a in [1] recursive %}{% if loop.depth < 8 %}{{ loop(range(40000)) }}{% endif %}{% endfor %}",
    "a generator in a loop": "{% for a in range(9000) %}{% for b in range(9000) | map('string') %}x{% endfor %}{% endfor %}",
    "a long range": "{{ range(99999999) | list }}",
    "a range beyond words": "{{ range(10**30, 10**40) | list }}",
    "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a macro that calls itself twice": "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "a block that calls itself": "{% block b %}{{ self.b() }}{% endblock %}",
    "doubled by +": BILLION.replace("OP", "n.x + n.x"),
    "doubled by ~": BILLION.replace("OP", "n.x ~ n.x"),
    "doubled by %": BILLION.replace("OP", "'%s%s' % (n.x, n.x)"),
    "doubled by format": BILLION.replace("OP", "'{0}{0}'.format(n.x)"),
    "doubled by replace": BILLION.replace("OP", "n.x.replace('a', n.x)"),
    "doubled by join": BILLION.replace("OP", "[n.x, n.x] | join"),
    "doubled lists": BILLION.replace("OP", "[n.x, n.x]"),
    "doubled dicts": BILLION.replace("OP", "dict(a=n.x, b=n.x)"),
    "output of long texts": "{% for i in range(40000) %}{{ text }}{% endfor %}",
    "output of own words": "{% for i in range(40000) %}" + "word " * 100 + "{% endfor %}",
    "a wide format": "{{ '%999999999d' % 1 }}",
    "a wide format by argument": "{{ '%*d' % (n, 1) }}",
    "a wide format filter": "{{ '%999999999d' | format(1) }}",
    "a wide format method": "{{ '{:>999999999}'.format(1) }}",
    "a nested width": "{{ '{:>{}}'.format(1, n) }}",
    "center": "{{ text | center(n) }}",
    "center by method": "{{ text.center(n) }}",
    "zfill": "{{ '1'.zfill(n) }}",
    "tabs": "{{ '\t'.expandtabs(n) }}",
    "join": "{{ range(40000) | join(text) }}",
    "join by method": "{{ text.join(['a'] * 40000) }}",
    "replace": "{{ (text * 100) | replace('', text) }}",
    "replace by method": "{{ (text * 100).replace('', text) }}",
    "translate": "{{ text.translate({83: text}) }}",
    "indent": "{{ text | indent(n) }}",
    "wordwrap": "{{ (text * 100) | wordwrap(1, true, text) }}",
    "batch": "{{ choices | batch(n, 'x') | list | length }}",
    "slice": "{{ choices | slice(n) | list | length }}",
    "round": "{{ 5 | round(-n) }}",
    "bytes": "{{ (1).to_bytes(n, 'big') | length }}",
    "sum of lists": "{{ [[1] * 9, [2]] | sum(start=[]) }}",
}


@pytest.mark.parametrize("text", RUNAWAYS.values(), ids=RUNAWAYS)
def test_a_template_that_runs_away_ends_within_a_second_with_its_name(text):
    started = time.process_time()
    with pytest.raises(TemplateError, match="template 'wild': "):
        Template(text, name="wild").render_input(VALUES)
    assert time.process_time() - started < 1


def test_a_template_that_runs_away_makes_a_bad_row_whether_in_input_target_or_options():
    wild = "{{ 'x' * 10**9 }}"
    task = Task(
        name="toy",
        cluster="toys",
        source=rows("toy", train=[{}]),
        example=lambda row: Example({}, "yes", ["yes", "no"]),
        templates=[Template(wild, name="wild"), Template("Say it.", "{{ answer }}" + wild, name="wild too")],
    )
    example = task.read({})
    for template, name in enumerate(("wild", "wild too")):
        with pytest.raises(BadRow, match=f"template '{name}': .* times"):
            written(task, example, Wording(template, Style()))


ORDINARY = {
    "{% for c in choices %}{{ loop.index }} of {{ loop.length }}{{ '' if loop.last else ',' }} {% endfor %}": "1 of 2, 2 of 2",
    "{% for row in table %}{{ row | join(', ') }}. {% endfor %}": "a, b. c, d.",
    "{% for a, b in table %}{{ a }}={{ b }} {% endfor %}": "a=b c=d",
    "{{ choices | map('upper') | join(' or ') }}": "YES or NO",
    "{{ choices | join(d=', ') }} {{ ', '.join(choices) }}": "yes, no yes, no",
    "{% macro ask(q, end='?') %}Is {{ q }}{{ end }}{% endmacro %}{{ ask('a') }} {{ ask('b', end='!') }}": "Is a? Is b!",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}{{ choices[0] }}{% endcall %}": "<yes>",
    "{% set parts = text.split('.') %}{{ parts[0] }}.{{ parts[1].strip().upper() }}": "Some words.SOME WORDS",
    "{{ 'abc'.center(7, '*') }}|{{ 'b' | center(3) }}|{{ 7 | round(1) }}|{{ 2 ** 10 }}|{{ 6 * 7 }}": "**abc**| b |7|1024|42",
    "{{ 'a-b' | replace('-', ' ') }} {{ 'x'.replace('x', '-' * 3) }}": "a b ---",
    "{{ '{:.2f}'.format(0.5) }} {{ '%03d' % 7 }} {{ '%s!' | format('so') }}": "0.50 007 so!",
    "{{ ['b', 'a'] | sort | list }} {{ {'k': 1}.k }} {{ [1, 2] | sum }} {{ 'a' ~ 1 }}": "['a', 'b'] 1 3 a1",
    "{{ 'a\nb' | indent(2) }}{{ 'long words' | wordwrap(4) | length }}{{ [1,2,3] | batch(2) | list }}": "a\n  b11[[1, 2], [3]]",
    "{% for n in [[1, [2]]] recursive %}{{ n if n is number else loop(n) }}{% endfor %}": "12",
    "{% for c in choices %}{{ c.replace('e', c.center(5)) }} {% endfor %}": "y yes s no",
    "{{ missing | default('none') }}{% if missing is defined %}!{% endif %}": "none",
}


@pytest.mark.parametrize(("text", "rendered"), ORDINARY.items())
def test_what_templates_ordinarily_do_is_done(text, rendered):
    assert Template(text).render_input(VALUES) == rendered


def test_a_long_document_and_many_turns_are_within_the_limits():
    long = "word " * 1_000_000
    assert Template("{{ text }}\n{{ text[:9] }} Sum it up.").render_input({"text": long}).startswith("word word")
    turns = [{"who": "A", "said": "word " * 100}] * 2000
    text = "{% for t in turns %}{{ t.who }}: {{ t.said.strip() }}\n{% endfor %}"
    assert len(Template(text).render_input({"turns": turns})) == 2000 * 503 - 1


def test_each_rendering_has_a_budget_of_its_own():
    template = Template("{% for i in range(30000) %}.{% endfor %}")
    assert [len(template.render_input({})) for _ in range(3)] == [30000] * 3


@pytest.mark.parametrize("text", ["{{ lipsum() }}", "{{ choices | random }}", "{% include 'x' %}", "{% import 'x' as y %}"])
def test_nothing_impure_and_no_other_file_is_within_reach(text):
    with pytest.raises(TemplateError):
        Template(text).render_input(VALUES)


@pytest.mark.parametrize("text", ["{% for i in choices %}" * 30 + "{% endfor %}" * 30, "{{ " + "(" * 5000 + ")" * 5000 + " }}"])
def test_what_is_nested_too_deeply_to_compile_is_an_error_with_the_templates_name(text):
    with pytest.raises(TemplateError, match="template 'deep': the input cannot be compiled"):
        Template(text, name="deep").compile()


@pytest.mark.parametrize(
    ("text", "named"),
    [("{{ meta.n }}", "null"), ("{{ 'so ' ~ meta.n }}", "null"), ("{% for x in meta.list %}{{ x }}{% endfor %}", "null")],
)
def test_null_inside_of_a_field_never_becomes_the_word_none(text, named):
    with pytest.raises(TemplateError, match=named):
        Template(text).render_input({"meta": {"n": None, "list": ["a", None]}})
    assert Template("{% if meta.n is none %}unknown{% endif %}").render_input({"meta": {"n": None}}) == "unknown"


def test_plain_templates_carry_no_code_that_counts():
    plain = sandbox._ENVIRONMENT.compile("{{ a }} {% if b == 'x' %}{{ c }}{% endif %}", raw=True)
    assert "!" not in plain.replace("!=", "")
    assert "!text" in sandbox._ENVIRONMENT.compile("{% for x in a %}{{ x }}{% endfor %}", raw=True)
