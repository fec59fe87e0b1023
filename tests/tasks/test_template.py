"""Templates: sandboxed, strict about names, and never giving the answer away."""

import jinja2
import pytest

from flanjax.tasks import sandbox
from flanjax.tasks.template import Template, TemplateError, null

ESCAPES = (
    "{{ ''.__class__.__mro__ }}",
    "{{ question.__init__.__globals__ }}",
    "{{ question['__class__'] }}",
    "{{ question | attr('__class__') }}",
    "{{ '{0.__class__}'.format(question) }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ choices.append('x') }}",
    "{% set _ = fields.update({'a': 1}) %}",
)

PLAIN = (
    "",
    "No field.\n",
    " {{ x }} ",
    "{{x}}{{ y }}{{x}}",
    "a {{ x }}\r\nb\rc",
    "{ {{ x }} } }}",
    "{{{'a': x}}}",
    "{ %x% {{ y }}\n\n",
    "{{ x }}{# gone #} {{ y }}",
    "{{ true }} {{ None }}",
    "{{ self }}",
    "{{ range }} {{ loop }}",
    "{{ missing }} {{ x }}",
    "{{ number }} {{ nothing }} {{ texts }}",
    "{{ x -}} {{ y }}",
)
VALUES = {"x": "{{ y }}", "y": " Ü ", "number": 1.5, "nothing": None, "texts": ["a"]}
VALUES |= {"true": "field", "None": "field", "self": "field"}


@pytest.mark.parametrize("text", ESCAPES)
def test_no_template_reaches_out_of_the_sandbox_or_changes_its_example(text):
    values = {"question": "q", "choices": ["a"], "fields": {}}
    with pytest.raises(TemplateError):
        Template(text).render_input(values)
    assert values == {"question": "q", "choices": ["a"], "fields": {}}


def test_an_unknown_field_is_an_error_that_names_template_and_field_and_what_there_is():
    with pytest.raises(TemplateError, match=r"ask.*'questoin' is undefined.*\['passage', 'question'\]"):
        Template("{{ questoin }}", name="ask").render_input({"question": "q", "passage": "p"})


def test_an_unknown_field_counts_even_where_it_only_decides_a_branch():
    with pytest.raises(TemplateError, match="hint"):
        Template("{% if hint %}{{ hint }}{% endif %}x").render_input({})


@pytest.mark.parametrize("text", ["{{ 1 // n }}", "{{ x[0].upper().index('z') }}", "{{ n + x }}", "{{ range(99999999) }}"])
def test_whatever_goes_wrong_inside_a_template_is_a_template_error(text):
    with pytest.raises(TemplateError):
        Template(text).render_input({"n": 0, "x": ["a"]})


@pytest.mark.parametrize("text", PLAIN)
def test_a_template_of_plain_fields_renders_as_jinja2_renders_it(text):
    for values in (VALUES, {**VALUES, "range": "r", "loop": "l"}, {"x": null("x")}, {}):
        assert rendered(Template(text).render_input, values) == rendered(sandbox.compile_template(text), values)


def rendered(render, values):
    """The text, or what is wrong with it."""
    try:
        return render(values)
    except TemplateError as error:
        return str(error.__cause__)
    except jinja2.TemplateError as error:
        return str(error)


def test_a_template_of_plain_fields_is_known_without_jinja2(monkeypatch):
    monkeypatch.setattr(sandbox, "parse", None)
    monkeypatch.setattr(sandbox, "compile_template", None)
    template = Template("Here: {{ fresh_name }}\n\nIs {{other_name}} so? ")
    assert template.input_variables == {"fresh_name", "other_name"}
    assert template.literals == ("Here:", "Is", "so?")
    assert template.render_input({"fresh_name": "a", "other_name": 1}) == "Here: a\n\nIs 1 so?"


@pytest.mark.parametrize("leak", ["{{ answer }}", "{{ answer | upper }}", "{% set a = answer %}{{ a }}", "{{ rationale }}"])
def test_a_forward_input_that_names_the_answer_is_refused(leak):
    with pytest.raises(TemplateError, match=r"(answer|rationale).*gives the answer away"):
        Template("Guess. " + leak)


def test_an_inverted_input_may_name_the_answer():
    template = Template("Write a {{ answer }} review.", "{{ review }}", "inverted")
    assert template.render_input({"answer": "good", "review": "Fine."}) == "Write a good review."
    assert template.render_target({"answer": "good", "review": "Fine."}) == "Fine."


def test_a_forward_target_must_name_the_answer():
    with pytest.raises(TemplateError, match=r"must name \{\{ answer \}\}"):
        Template("{{ question }}", "{{ question }}")


@pytest.mark.parametrize("part", ["input", "target"])
def test_a_syntax_error_says_which_part_of_which_template(part):
    with pytest.raises(TemplateError, match=f"broken.*the {part} is not Jinja2"):
        Template(**{"input": "{{ x }}", "target": "{{ answer }}", part: "{{ x "}, name="broken")


def test_an_unknown_kind_is_named():
    with pytest.raises(TemplateError, match="'backward'"):
        Template("{{ x }}", kind="backward")


def test_values_are_text_and_never_read_as_templates():
    assert Template("{{ x }}").render_input({"x": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"


def test_a_template_knows_where_its_options_go_and_which_words_are_its_own():
    bare, placed, listed = Template("{{ q }}"), Template("{{ options }}\n{{ q }}"), Template("{{ choices | join(' or ') }}?")
    assert [t.places_options for t in (bare, placed, listed)] == [False, True, True]
    assert [t.lists_choices for t in (bare, placed, listed)] == [False, False, True]
    assert Template("Read {{ a }} now", "It is {{ answer }}.").literals == ("Read", "now", "It is", ".")
    assert Template("{{ q }}", "{{ rationale }} {{ answer }}").needs_rationale
    assert not bare.needs_rationale
