"""Templates in promptsource's language, one for each thing that it can say, and what they must become for one row."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROW: dict[str, Any] = {
    "text": "Rain fell on  the hill.",
    "label": 1,
    "n": 3,
    "x": 0.256,
    "gone": None,
    "bars": "a|||b",
    "words": ["oak", "elm", "oak"],
    "none_yet": [],
    "info": {"kind": "tree", "tags": ["tall", "old"]},
    "people": [{"name": "Ann", "age": 30}, {"name": "Bob", "age": 25}],
    # Columns whose names mean something else in our own templates.
    "answer": "B",
    "choices": ["hot", "cold"],
    "options": "(a) up (b) down",
    "rationale": "because",
}


class Case(NamedTuple):
    """A template.

    Attributes:
      says: what it becomes for ROW: "input ||| answer", with more answers behind it if several are right; None if it does not
        apply to it.
      choices: its answer_choices.
      options: what can be chosen from for ROW.
    """

    source: str
    says: str | None
    choices: str | None = None
    options: tuple[str, ...] = ()


CASES = {
    "field": Case("Read: {{ text }} ||| {{words[0]}}", "Read: Rain fell on  the hill. ||| oak"),
    "white_space": Case("A\n{% if n %}\n  B\n{% endif %}\nC\n\n|||\nd", "A\n\n  B\n\nC ||| d"),
    "white_space_control": Case("{% for w in words -%} {{ w }} {%- endfor %} ||| x", "oakelmoak ||| x"),
    "if": Case("{% if label == 1 %}Wet?{% endif %} {{ n }} ||| yes", "Wet? 3 ||| yes"),
    "if_that_does_not_apply": Case("{% if label == 0 %}Wet? {{ text }} ||| no{% endif %}", None),
    "if_across_the_separator": Case("{% if label == 1 %}Wet? {{ n }} ||| yes{% endif %}", "Wet? 3 ||| yes"),
    "elif": Case("Sky? ||| {% if n < 2 %}few{% elif n == 3 %}three{% else %}many{% endif %}", "Sky? ||| three"),
    "inline_if": Case("{{ 'big' if n > 2 else 'small' }}{{ '!' if n > 9 }} ||| {{ label }}", "big ||| 1"),
    "in": Case("{% if 'oak' in words and 'fir' not in words %}Oak{% endif %} ||| 1", "Oak ||| 1"),
    "set_for_both_halves": Case("{% set pick = words[1] %}Name {{ pick }} ||| {{ pick }}", "Name elm ||| elm"),
    "set_block": Case("{% set q %}Is {{ n }} odd?{% endset %}{{ q }} ||| {{ q | length }}", "Is 3 odd? ||| 9"),
    "for": Case("{% for w in words %}{{ loop.index }}.{{ w }} {% endfor %}||| {{ n }}", "1.oak 2.elm 3.oak ||| 3"),
    "for_across_the_separator": Case(
        "{% for w in words %}{{ w }}{% if loop.first %} ||| {% endif %}{% endfor %}", "oak ||| elmoak"
    ),
    "for_with_condition": Case("{% for w in words if w != 'oak' %}{{ w }}{% endfor %}? ||| {{ n }}", "elm? ||| 3"),
    "for_else": Case("{% for w in none_yet %}{{ w }}{% else %}none{% endfor %} ||| {{ n }}", "none ||| 3"),
    "slices": Case(
        "{{ text[:4] }} {{ words[1:] }} {{ text[-5:] }} ||| {{ words[::-1] | join('') }}",
        "Rain ['elm', 'oak'] hill. ||| oakelmoak",
    ),
    "dict_literal": Case("{{ n }}? ||| {{ {0: 'dry', 1: 'wet'}[label] }}", "3? ||| wet"),
    "list_literal": Case("{{ n }}? ||| {{ ['no', 'yes'][label] }}", "3? ||| yes"),
    "nested": Case("{{ info['tags'][1] }} {{ people[0]['name'] }} ||| {{ info.kind }}", "old Ann ||| tree"),
    "range": Case("{% for i in range(n) %}{{ i }}{% endfor %} ||| {{ range(1, 9, 3) | list }}", "012 ||| [1, 4, 7]"),
    "zip": Case("{% for a, b in zip(words, people) %}{{ a }}:{{ b.name }} {% endfor %}||| {{ n }}", "oak:Ann elm:Bob ||| 3"),
    "namespace": Case(
        "{% set s = namespace(age=0) %}{% for p in people %}{% set s.age = s.age + p.age %}{% endfor %}Age? ||| {{ s.age }}",
        "Age? ||| 55",
    ),
    "arithmetic": Case("{{ n + 1 }} {{ n // 2 }} {{ n % 2 }} {{ 'a' ~ n }} ||| {{ n * 2 - 1 }}", "4 1 1 a3 ||| 5"),
    "comment": Case("{# a ||| note #}Say {{ n }}. ||| {{ n }}", "Say 3. ||| 3"),
    "braces": Case("{{ '{{' }} {{ \"}\" }} ||| {% raw %}{{ n }}{% endraw %}", "{{ } ||| {{ n }}"),
    "macro": Case("{% macro m(w) %}<{{ w }}>{% endmacro %}{{ m('a') }} ||| {{ m(n) }}", "<a> ||| <3>"),
    "undefined": Case("So{{ nothing }}: {{ text[:4] }} ||| {{ words[0] }}{{ words[9] }}{{ info.size }}", "So: Rain ||| oak"),
    "null": Case("{{ gone }}? ||| {{ gone }}", "None? ||| None"),
    "our_names": Case(
        "{{ rationale }} {{ options }} {{ choices | join('/') }} ||| {{ answer }}", "because (a) up (b) down hot/cold ||| B"
    ),
    "separator_in_a_field": Case("{{ bars }}{{ bars | length }} ||| {{ bars | upper }}", "a|||b5 ||| A|||B"),
    "join": Case("{{ words | join(', ') }} ||| {{ people | join('+', attribute='name') }}", "oak, elm, oak ||| Ann+Bob"),
    "replace": Case(
        "{{ text | replace('hill', 'sea') }} ||| {{ 'a_b' | replace('_', ' ') }}", "Rain fell on  the sea. ||| a b"
    ),
    "length": Case("How many? ||| {{ words | length }}{{ none_yet | length }}", "How many? ||| 30"),
    "default": Case(
        "{{ nothing | default('none') }} {{ none_yet | default('no words', true) }} ||| {{ gone | default('x') }}",
        "none no words ||| None",
    ),
    "int_and_float": Case("{{ '7' | int + 1 }} {{ 'x' | int }} ||| {{ '2' | float }}", "8 0 ||| 2.0"),
    "list": Case("{{ 'abc' | list }} ||| {{ zip(words, [1, 2]) | list }}", "['a', 'b', 'c'] ||| [('oak', 1), ('elm', 2)]"),
    "round": Case("{{ x | round(2) }} ||| {{ (x * 100) | round | int }}", "0.26 ||| 26"),
    "map": Case(
        "{{ people | map(attribute='name') | join(' and ') }} ||| {{ words | map('upper') | join }}",
        "Ann and Bob ||| OAKELMOAK",
    ),
    "trim": Case("<{{ '  a ' | trim }}> ||| {{ 'xxbx' | trim('x') }}", "<a> ||| b"),
    "cases": Case("{{ 'oNE' | capitalize }} {{ 'oNE' | lower }} ||| {{ 'one' | upper }}", "One one ||| ONE"),
    "selectattr": Case(
        "{{ people | selectattr('age', 'gt', 26) | map(attribute='name') | list }} ||| {{ n }}", "['Ann'] ||| 3"
    ),
    "rejectattr": Case("{{ (people | rejectattr('name', 'equalto', 'Ann') | list)[0].age }} ||| {{ n }}", "25 ||| 3"),
    "select": Case("{{ words | select('equalto', 'oak') | list | length }} ||| {{ n }}", "2 ||| 3"),
    "reject": Case("{{ words | reject('in', ['oak']) | join }} ||| {{ n }}", "elm ||| 3"),
    "most_frequent": Case(
        "{{ words | most_frequent | join }} {{ ['b', 'a'] | most_frequent }} ||| {{ none_yet | most_frequent }}",
        "oak ['b', 'a'] ||| None",
    ),
    "first_and_last": Case(
        "{{ words | first }} {{ people | last }} ||| {{ 'xyz' | last }}", "oak {'name': 'Bob', 'age': 25} ||| z"
    ),
    "unique": Case("{{ words | unique | join(' ') }} ||| {{ n }}", "oak elm ||| 3"),
    "min_max_abs": Case("{{ [n, 1, 2] | min }} {{ [n, 9] | max }} ||| {{ (1 - n) | abs }}", "1 9 ||| 2"),
    "string": Case("{{ n | string + '!' }} ||| {{ (n | string) * 2 }}", "3! ||| 33"),
    "sort": Case(
        "{{ words | sort | join(' ') }} ||| {{ people | sort(attribute='age') | first }}",
        "elm oak oak ||| {'name': 'Bob', 'age': 25}",
    ),
    "format": Case("{{ '%s of %d' | format(words[0], n) }} ||| {{ '%.1f' | format(x) }}", "oak of 3 ||| 0.3"),
    "highlight": Case("{{ words[0] | highlight }} ||| {{ n }}", "oak ||| 3"),
    "split": Case("{{ text.split(' ')[0] }} ||| {{ text.split()[-1].split('.')[0] }}", "Rain ||| hill"),
    "append_to_a_list": Case(
        "{% set all = [] %}{% for w in words %}{{ all.append(w[0]) or '' }}{% endfor %}{{ all }} ||| {{ all | length }}",
        "['o', 'e', 'o'] ||| 3",
    ),
    "append_to_the_row": Case(
        "{{ words.append('ash') or '' }}{{ info.tags.append('dry') or '' }}{{ words | join(' ') }} ||| {{ info.tags[-1] }}",
        "oak elm oak ash ||| dry",
    ),
    "update": Case("{{ info.update({'kind': 'bush'}) or '' }}{{ info.kind }} ||| {{ info | length }}", "bush ||| 2"),
    "pop": Case("{{ words.pop() }} {{ words | length }} ||| {{ info.pop('kind') }}", "oak 2 ||| tree"),
    "methods_of_texts": Case(
        "{{ ' A '.strip().lower() }} {{ text.startswith('Rain') }} {{ 'a-b'.replace('-', '') }} ||| {{ ' / '.join(words) }}",
        "a True ab ||| oak / elm / oak",
    ),
    "a_method_in_a_loop": Case("{% for w in words %}{{ w.replace('o', '0') }} {% endfor %}||| {{ n }}", "0ak elm 0ak ||| 3"),
    "index": Case("{{ words.index('elm') }} ||| {{ text.index('fell') }}", "1 ||| 5"),
    "items_and_keys": Case(
        "{% for k, v in info.items() %}{{ k }} {% endfor %}||| {{ info.keys() | list }}", "kind tags ||| ['kind', 'tags']"
    ),
    "constant_choices": Case(
        "Wet or dry? ||| {{ answer_choices[label] }}", "Wet or dry? ||| wet", "dry ||| wet", ("dry", "wet")
    ),
    "choices_of_the_row": Case(
        "{{ answer_choices | join(' or ') }}? ||| {{ answer_choices[0] }}",
        "hot or cold? ||| hot",
        "{{ choices | join('|||') }}",
        ("hot", "cold"),
    ),
    "choices_by_condition": Case(
        "Which? ||| {{ answer_choices[1] }}", "Which? ||| b", "{% if n == 3 %}a ||| b{% else %}c ||| d{% endif %}", ("a", "b")
    ),
    "choices_as_letters": Case(
        "{% for w in words %}{{ answer_choices[loop.index0] }}) {{ w }} {% endfor %}||| {{ answer_choices[label] }}",
        "A) oak B) elm C) oak ||| B",
        "A ||| B ||| C",
        ("A", "B", "C"),
    ),
    "choices_that_are_not_used": Case("Which tree? ||| oak", "Which tree? ||| oak", "oak ||| elm", ("oak", "elm")),
    "choices_without_the_answer": Case("Which tree? ||| fir", "Which tree? ||| fir", "oak ||| elm"),
    "choices_that_occur_twice": Case("Really? ||| no", "Really? ||| no", "yes ||| no ||| yes", ("yes", "no")),
    "one_choice": Case("Really? ||| {{ answer_choices[0] }}", "Really? ||| yes", "yes ||| "),
    "several_answers": Case("A tree? ||| {{ words[0] }} ||| {{ words[1] }}", "A tree? ||| oak ||| elm"),
    "no_answer": Case("{{ text }} ||| {{ nothing }}", None),
    "no_input": Case("{{ nothing }} ||| x", None),
    "a_cue": Case("Answer: ||| {{ n }}", "Answer: ||| 3"),
}


def write(folder: Path, place: str, *templates: dict[str, Any], **top: Any) -> Path:
    """Writes folder/place/templates.yaml as promptsource writes it, and returns it."""
    file = folder / place / "templates.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    dataset, _, config = place.partition("/")
    content = {"dataset": dataset, **({"subset": config} if config else {}), **top}
    content["templates"] = {f"id{number}": tagged(**t) for number, t in enumerate(templates)}
    file.write_text(yaml.dump(content, Dumper=_Dumper, sort_keys=False))
    return file


class Tagged(dict):
    """A mapping that is written with a tag."""

    tag = "!Template"


class Metadata(Tagged):
    tag = "!TemplateMetadata"


class _Dumper(yaml.SafeDumper):
    pass


for kind in (Tagged, Metadata):
    _Dumper.add_representer(kind, lambda dumper, data: dumper.represent_mapping(data.tag, dict(data)))


def tagged(
    jinja: Any,
    name: Any = "a",
    choices: Any = None,
    original: bool | None = True,
    metrics: Any = ("Accuracy",),
    shown: bool = False,
) -> Tagged:
    metadata = Metadata(choices_in_prompt=shown, metrics=metrics and list(metrics), original_task=original)
    return Tagged(answer_choices=choices, id="id", jinja=jinja, metadata=metadata, name=name, reference="")
