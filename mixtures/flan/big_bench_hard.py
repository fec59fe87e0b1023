"""BIG-Bench Hard: 27 tasks from BIG-Bench on which language models did worse than people (Suzgun et al. 2022).

For evaluation only, as in FLAN 2022; nothing here has training rows. A row's input holds its own list of options, and its
target is the letter of one, "(B)", so options are never shown a second time and the score is comparable with published ones.
Each task is asked in three wordings: bare; after a line that says what it is about and what the answer looks like; and as Q
and A with that line above. The paper's prompts with reasoning are rows of bbh_cot_prompts.

https://huggingface.co/datasets/lukaemon/bbh · licence: MIT
{'input': 'Which month comes after May?\nOptions:\n(A) June\n(B) July', 'target': '(A)'}
This row is made up: the benchmark asks that its own be kept out of files from which models might be trained.
Dyck languages and geometric shapes have brackets that T5's vocabulary cannot write.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, equal, hub

_LETTER = "Answer with the letter of your choice in parentheses."
_YES_NO = ("Yes", "No")


def _task(name, about, form=_LETTER, options=(), metrics=("accuracy",)):
    """Returns the task with its three wordings.

    Args:
      about: one line that says what is asked.
      form: what an answer looks like.
      options: the answers to choose from; by default the letters that the row itself lists.
    """
    lettered = form == _LETTER

    def example(row):
        question, target = row["input"].strip().removeprefix("Question: "), row["target"].strip()
        choices = tuple(dict.fromkeys(re.findall(r"^\([A-Z]\)", question, re.MULTILINE))) if lettered else options
        if choices and target not in choices:
            raise SkipRow("the key is not one of the letters")
        return Example({"question": question}, target, choices)

    return Task(
        name=f"bbh_{name}",
        cluster="big_bench_hard",
        source=hub("lukaemon/bbh", name),
        example=example,
        templates=[
            Template("{{ question }}", options="never"),
            Template(f"{about} {form}\n{{{{ question }}}}", options="never", cue="Answer:"),
            Template("Q: {{ question }}", options="never", preamble=f"{about} {form}", cue="A:"),
        ],
        lineage=["big_bench"],
        metrics=metrics,
        train=None,
        evaluation="test",
        shuffle_options=False,
        licence="MIT",
        link="https://huggingface.co/datasets/lukaemon/bbh",
    )


_FREE = {"options": (), "metrics": ("exact_match",)}
_NUMBER = {"options": (), "metrics": ("number_match",)}


def _swaps(number):
    return f"{number} people swap what they hold, one pair at a time. Keep track of who has what."


def _order(number):
    return f"The clues put {number.lower()} things in a certain order. Work it out and find the statement that is true of it."


boolean_expressions = _task(
    "boolean_expressions",
    'Evaluate the logical expression. "not" binds more tightly than "and", and "and" more tightly than "or".',
    "Answer True or False.",
    ("True", "False"),
)
causal_judgement = _task(
    "causal_judgement",
    "Read the story and say what most people would say about cause and intention in it.",
    "Answer Yes or No.",
    _YES_NO,
)
date_understanding = _task("date_understanding", "Work out a date from what the text tells you about another day.")
disambiguation_qa = _task(
    "disambiguation_qa", "Say whom or what the pronoun in the sentence refers to, or that this cannot be known."
)
dyck_languages = _task(
    "dyck_languages",
    "Some brackets are still open. Close all of them, the innermost first.",
    "Answer with the closing brackets only, with spaces between them.",
    **_FREE,
)
formal_fallacies = _task(
    "formal_fallacies",
    "Check whether the conclusion follows from the premises by logic alone.",
    "Answer valid or invalid.",
    ("valid", "invalid"),
)
geometric_shapes = _task("geometric_shapes", "A drawing is given by the commands of an SVG path. Name the shape that it shows.")
hyperbaton = _task(
    "hyperbaton", "Adjectives before an English noun come in a customary order. Find the phrase that keeps to the order."
)
logical_deduction_three_objects = _task("logical_deduction_three_objects", _order("Three"))
logical_deduction_five_objects = _task("logical_deduction_five_objects", _order("Five"))
logical_deduction_seven_objects = _task("logical_deduction_seven_objects", _order("Seven"))
movie_recommendation = _task(
    "movie_recommendation", "Somebody likes the films that are named. Choose the one that they would probably like too."
)
multistep_arithmetic_two = _task(
    "multistep_arithmetic_two", "Calculate the value of the expression.", "Answer with a whole number.", **_NUMBER
)
navigate = _task(
    "navigate", "Follow the directions in your mind. Do they take you back to where you began?", "Answer Yes or No.", _YES_NO
)
object_counting = _task(
    "object_counting",
    "Count the items that the question asks about. Where a quantity is given, count that many.",
    "Answer with a number in digits.",
    **_NUMBER,
)
penguins_in_a_table = _task(
    "penguins_in_a_table", "A table of penguins is given and may be changed before the question. Read the answer off the table."
)
reasoning_about_colored_objects = _task(
    "reasoning_about_colored_objects", "Picture the colored things as they are described, then answer what is asked about them."
)
ruin_names = _task(
    "ruin_names", "The name of a band or a film can be made funny by a small change. Find the change that is meant as a joke."
)
salient_translation_error_detection = _task(
    "salient_translation_error_detection",
    "Compare the German sentence with its English translation and name the kind of mistake.",
)
snarks = _task("snarks", "One of two similar statements is meant sarcastically. Find it.")
sports_understanding = _task(
    "sports_understanding",
    "Judge whether the sentence could be true, knowing who plays which sport.",
    "Answer yes or no.",
    ("yes", "no"),
)
temporal_sequences = _task(
    "temporal_sequences",
    "From what is known about somebody's day, find the only time at which they could have made the visit.",
)
tracking_shuffled_objects_three_objects = _task("tracking_shuffled_objects_three_objects", _swaps("Three"))
tracking_shuffled_objects_five_objects = _task("tracking_shuffled_objects_five_objects", _swaps("Five"))
tracking_shuffled_objects_seven_objects = _task("tracking_shuffled_objects_seven_objects", _swaps("Seven"))
web_of_lies = _task(
    "web_of_lies",
    "Everybody here always lies or always tells the truth. Follow what they say about each other.",
    "Answer Yes or No.",
    _YES_NO,
)
word_sorting = _task(
    "word_sorting",
    "Put the words into alphabetical order.",
    "Answer with all the words, separated by spaces.",
    **_FREE,
)

big_bench_hard = Mixture(
    name="big_bench_hard",
    parts=[
        boolean_expressions,
        causal_judgement,
        date_understanding,
        disambiguation_qa,
        dyck_languages,
        formal_fallacies,
        geometric_shapes,
        hyperbaton,
        logical_deduction_three_objects,
        logical_deduction_five_objects,
        logical_deduction_seven_objects,
        movie_recommendation,
        multistep_arithmetic_two,
        navigate,
        object_counting,
        penguins_in_a_table,
        reasoning_about_colored_objects,
        ruin_names,
        salient_translation_error_detection,
        snarks,
        sports_understanding,
        temporal_sequences,
        tracking_shuffled_objects_three_objects,
        tracking_shuffled_objects_five_objects,
        tracking_shuffled_objects_seven_objects,
        web_of_lies,
        word_sorting,
    ],
    rate=equal(),
)
