"""The tasks of published suites, for the protocols in mixtures/suites/*.json. For evaluation only.

    flanjax suite mixtures/suites/mmlu.json --model google/flan-t5-base

| name | what | source |
|---|---|---|
| mmlu | 57 subjects, each with its five exemplars | Hendrycks et al. 2021 (arXiv:2009.03300), in the form of their code |
| superglue | the eight tasks, by their validation rows | Wang et al. 2019 (arXiv:1905.00537), worded in mixtures/flan/ |
| tydiqa | the gold passage task, language by language | Clark et al. 2020 (arXiv:2003.05002) |
| generation | summaries and texts of data | XSum, SAMSum, Gigaword, WebNLG and their like, worded in mixtures/flan/ |

T0's held-out sets are in mixtures/flan.py:t0, BIG-Bench Hard's published prompts in mixtures/bbh_prompts.py, and the test tasks
of Super-NaturalInstructions in mixtures/superni_test.py.
"""

import functools

from flanjax import Example, Mixture, SkipRow, Task, Template, equal, hub, load
from flanjax.tasks.exemplars import ExemplarFormat

_TASKS = {task.name: task for task in load("flan.py:library", relative_to=__file__).tasks()}

# --- MMLU ------------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/cais/mmlu (all) · licence: MIT
# {'question': 'From what does a chain of command extend?', 'subject': 'management',
#  'choices': ['Bottom to top', 'Top to bottom', 'Diagonally', 'Laterally'], 'answer': 1}
# Subject and test rows, in the order in which the files have them; each has five rows of dev.
SUBJECTS = (
    "abstract_algebra:100 anatomy:135 astronomy:152 business_ethics:100 clinical_knowledge:265 college_biology:144 "
    "college_chemistry:100 college_computer_science:100 college_mathematics:100 college_medicine:173 college_physics:102 "
    "computer_security:100 conceptual_physics:235 econometrics:114 electrical_engineering:145 elementary_mathematics:378 "
    "formal_logic:126 global_facts:100 high_school_biology:310 high_school_chemistry:203 high_school_computer_science:100 "
    "high_school_european_history:165 high_school_geography:198 high_school_government_and_politics:193 "
    "high_school_macroeconomics:390 high_school_mathematics:270 high_school_microeconomics:238 high_school_physics:151 "
    "high_school_psychology:545 high_school_statistics:216 high_school_us_history:204 high_school_world_history:237 "
    "human_aging:223 human_sexuality:131 international_law:121 jurisprudence:108 logical_fallacies:163 machine_learning:112 "
    "management:103 marketing:234 medical_genetics:100 miscellaneous:783 moral_disputes:346 moral_scenarios:895 nutrition:306 "
    "philosophy:311 prehistory:324 professional_accounting:282 professional_law:1534 professional_medicine:272 "
    "professional_psychology:612 public_relations:110 security_studies:245 sociology:201 us_foreign_policy:100 virology:166 "
    "world_religions:171"
)
_LETTERS = ("A", "B", "C", "D")


def _mmlu(subject, row):
    if row["subject"] != subject:
        raise ValueError(f"a row of {row['subject']}, expected {subject}: the files have another order than this list")
    question = "\n".join([row["question"], *(f"{x}. {choice}" for x, choice in zip(_LETTERS, row["choices"], strict=True))])
    return Example({"question": question, "subject": subject.replace("_", " ")}, _LETTERS[row["answer"]], _LETTERS)


def _subject(subject, number, first, count):
    return Task(
        name=f"mmlu_{subject}",
        cluster="mmlu",
        source=hub("cais/mmlu", "all"),
        example=functools.partial(_mmlu, subject),
        templates=[
            Template(
                "{{ question }}",
                options="never",
                preamble="The following are multiple choice questions (with answers) about {{ subject }}.",
                cue="Answer:",
                exemplars=[ExemplarFormat("", "Answer: ")],
            )
        ],
        lineage=["mmlu"],
        train=f"dev[{5 * number}:{5 * number + 5}]",
        evaluation=f"test[{first}:{first + count}]",
        shuffle_options=False,
        licence="MIT",
        link="https://huggingface.co/datasets/cais/mmlu",
    )


def _subjects():
    first = 0
    for number, entry in enumerate(SUBJECTS.split()):
        subject, _, count = entry.partition(":")
        yield _subject(subject, number, first, int(count))
        first += int(count)


mmlu = Mixture(name="mmlu", parts=list(_subjects()), rate=equal())

# --- SuperGLUE, generation -------------------------------------------------------------------------------------------
SUPERGLUE = "boolq cb copa multirc record rte wic wsc"
superglue = Mixture(name="superglue", parts=[_TASKS[name] for name in SUPERGLUE.split()], rate=equal())
GENERATION = "xsum samsum cnn_dailymail gigaword multi_news web_nlg_en e2e_nlg common_gen"
generation = Mixture(name="generation", parts=[_TASKS[name] for name in GENERATION.split()], rate=equal())


# --- TyDiQA ----------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/google-research-datasets/tydiqa (secondary_task) · licence: Apache-2.0
# {'id': 'finnish-...', 'title': '...', 'context': '...', 'question': '...', 'answers': {'text': ['...'], 'answer_start': [0]}}
LANGUAGES = ("arabic", "bengali", "english", "finnish", "indonesian", "korean", "russian", "swahili", "telugu")


def _tydiqa(language, row):
    if not row["id"].startswith(language):
        raise SkipRow("another language")
    answers = tuple(dict.fromkeys(text.strip() for text in row["answers"]["text"] if text.strip()))
    if not answers:
        raise SkipRow("it has no answer")
    return Example({"passage": row["context"], "question": row["question"], "title": row["title"]}, answers)


def _language(language):
    return Task(
        name=f"tydiqa_{language}",
        cluster="tydiqa",
        source=hub("google-research-datasets/tydiqa", "secondary_task"),
        example=functools.partial(_tydiqa, language),
        templates=[Template("{{ title }}\n{{ passage }}\nQ: {{ question }}", cue="A:")],
        lineage=["tydiqa"],
        metrics=["exact_match", "token_f1"],
        train="train",
        evaluation="validation",
        long_fields=["passage"],
        licence="Apache-2.0",
        link="https://huggingface.co/datasets/google-research-datasets/tydiqa",
    )


tydiqa = Mixture(name="tydiqa", parts=[_language(language) for language in LANGUAGES], rate=equal())
