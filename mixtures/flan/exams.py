"""Exams written for people, as multiple choice: MMLU, MMLU-Pro, and the American tests of AGIEval. For evaluation only.

Neither FLAN nor T0 trains on them. Hold this cluster out, which also takes out what shares its corpora, such as LogiQA.

Left out: MMLU's auxiliary_train split, which repeats ARC, OpenBookQA, RACE and MCTest; AGIEval's aqua-rat, which is the test
split of AQuA (math.py), its sat-math (also in math.py), and its Chinese tests.

`exams` needs nothing but the hub. `exams_files` has the tests of AGIEval, which the hub holds only as finished prompts: lay
them out in a mirror (see docs/mixtures.md) as agieval/<test>/test.parquet, with passage, question, options and label.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional


def _chosen(fields, options, position):
    """An item with its choices. Rows whose choices repeat are left out, since either would be right."""
    options = tuple(" ".join(option.split()) for option in options)
    if len(set(options)) < len(options) or not all(options):
        raise SkipRow("a choice is empty, or two are the same")
    question = " ".join(fields["question"].split())
    asks = question.endswith((".", "?", "!"))
    return Example({**fields, "question": question, "asks": asks}, options[position], options)


# --- many subjects ---------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/cais/mmlu (all) · licence: MIT
# {'question': 'From what does a chain of command extend?', 'subject': 'management',
#  'choices': ['Bottom to top', 'Top to bottom', 'Diagonally', 'Laterally'], 'answer': 1}   57 subjects
def _mmlu(row):
    subject = row["subject"].replace("_", " ").replace("miscellaneous", "general knowledge")
    topic = (
        subject.split(" ", 1)[1] if subject.startswith(("college", "professional")) else subject.removeprefix("high school ")
    )
    return _chosen({"question": row["question"], "subject": subject, "topic": topic}, row["choices"], row["answer"])


mmlu = Task(
    name="mmlu",
    cluster="exams",
    source=hub("cais/mmlu", "all"),
    example=_mmlu,
    templates=[
        Template("{{ question }}", options="always"),
        Template("Exam subject: {{ subject }}\n{{ question }}", options="always", cue="Answer:"),
        Template(
            "The following item is from a test in {{ subject }}. Choose the right answer.\n{{ question }}", options="always"
        ),
        Template("{{ options }}\nWhich of the four is correct? The question: {{ question }}", options="always"),
        Template(
            "You have studied {{ topic }} and now take the final exam. Mark one choice for each question.\n"
            "Question 1: {{ question }}",
            options="always",
        ),
        Template(
            "Finish the statement with the choice that makes it correct.\n{{ question }}", when="not asks", options="always"
        ),
        Template(
            'Test of general and professional knowledge, part "{{ subject }}"\n{{ question }}',
            options="always",
            cue="Correct choice:",
        ),
        Template(
            "I'm preparing for an exam. Can you tell me which choice is right, and only that?\n{{ question }}", options="always"
        ),
        Template(
            "Question: {{ question }}\n{{ options }}\nThree of these choices are wrong. Name the fourth.", options="always"
        ),
        Template(
            "Grade the candidates' papers: which choice must be marked for a point?\nItem: {{ question }}", options="always"
        ),
        Template("An expert on {{ topic }} is consulted. Which choice does the expert pick?\n{{ question }}", options="always"),
    ],
    lineage=["mmlu"],
    train=None,
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/cais/mmlu",
)


# https://huggingface.co/datasets/TIGER-Lab/MMLU-Pro · licence: MIT
# {'question_id': 70, 'question': 'Typical advertising regulatory bodies suggest, for example that adverts must not: ...',
#  'options': ['Safe practices, Fear, Jealousy, Trivial', ..., 'Unsafe practices, Wants, Jealousy, Trivial'],
#  'answer': 'I', 'answer_index': 8, 'cot_content': '', 'category': 'business', 'src': 'ori_mmlu-business_ethics'}
# Up to ten choices; questions of MMLU that were too easy are gone.
def _mmlu_pro(row):
    return _chosen({"question": row["question"], "field": row["category"]}, row["options"], row["answer_index"])


mmlu_pro = Task(
    name="mmlu_pro",
    cluster="exams",
    source=hub("TIGER-Lab/MMLU-Pro"),
    example=_mmlu_pro,
    templates=[
        Template("{{ question }}", options="always"),
        Template("Up to ten choices are listed, and one of them is right.\n{{ question }}", options="always"),
        Template("Field: {{ field }}\n{{ question }}", options="always", cue="Choice:"),
        Template(
            "{{ options }}\nWork out the following, then find your result in the list above.\n{{ question }}", options="always"
        ),
        Template(
            "Most people who guess will fail this university exam, so reason before you choose.\n{{ question }}",
            options="always",
        ),
        Template('Advanced test, category "{{ field }}". Which choice holds up?\n{{ question }}', options="always"),
        Template(
            "Go through the choices one by one and strike out the wrong ones.\n{{ question }}\n{{ options }}\n"
            "State the one that is not struck out.",
            options="always",
        ),
        Template("Problem for graduate students: {{ question }}", options="always", cue="The correct option is"),
        Template(
            "A professor asks a doctoral candidate in the oral exam to pick the right choice here.\n{{ question }}",
            options="always",
        ),
        Template(
            "Several of the choices are close to each other, so be exact.\n{{ question }}",
            options="always",
            cue="Exact choice:",
        ),
    ],
    lineage=["mmlu", "theoremqa", "scibench", "stemez"],
    train=None,
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/TIGER-Lab/MMLU-Pro",
)

# --- tests of reasoning and reading: AGIEval -------------------------------------------------------------------------
_AGIEVAL = "https://github.com/ruixiangcui/AGIEval"


def _agieval(row):
    options = [re.sub(r"^\(?[A-E]\)?[ .]*(?=\S)", "", option, count=1) for option in row["options"]]
    fields = {"question": row["question"], "passage": " ".join(row["passage"].split())}
    return _chosen(fields, options, "ABCDE".index(row["label"]))


# https://github.com/ruixiangcui/AGIEval (data/v1/lsat-ar.jsonl) · licence: MIT (the LSAT's own questions: unknown)
# {'passage': 'Of the eight students—George, Helen, Irving, Kyle, Lenore, Nina, Olivia, and Robert—in a seminar, exactly ...',
#  'question': "Which one of the following could be the schedule of the students' reports?",
#  'options': ['(A)Mon. morning: Helen; Mon. afternoon: Robert ...', ...], 'label': 'B'}
lsat_ar = Task(
    name="agieval_lsat_ar",
    cluster="exams",
    source=hub("agieval", "lsat-ar"),
    example=_agieval,
    templates=[
        Template("{{ passage }}\n{{ question }}", options="always"),
        Template("Logic game.\nConditions: {{ passage }}\nQuestion: {{ question }}", options="always", cue="Answer:"),
        Template(
            "Draw up every arrangement that the rules allow, then choose.\nRules: {{ passage }}\n{{ question }}",
            options="always",
        ),
        Template("{{ question }}\n{{ options }}\nThese conditions apply: {{ passage }}", options="always"),
        Template("Law school admission test, analytical reasoning\n{{ passage }}\n{{ question }}", options="always"),
        Template(
            "Strike out each choice that breaks a condition.\nThe conditions: {{ passage }}\nWhat is asked: {{ question }}",
            options="always",
            cue="What is left:",
        ),
        Template("A puzzle for a long train ride: {{ passage }} Now the task: {{ question }}", options="always"),
        Template(
            "You are in charge of the plan described below and must keep to its rules. {{ passage }}\n"
            "Somebody wants to know: {{ question }}",
            options="always",
        ),
        Template("Setup: {{ passage }}\nDeduce from nothing but the setup: {{ question }}", options="always"),
        Template(
            "Here is a scheduling or grouping problem with five choices. {{ question }}\nThe problem: {{ passage }}",
            options="always",
            cue="Choice:",
        ),
    ],
    lineage=["agieval", "lsat"],
    train=None,
    evaluation="test",
    licence="MIT",
    link=_AGIEVAL,
)

# https://github.com/ruixiangcui/AGIEval (data/v1/lsat-lr.jsonl) · licence: MIT (the LSAT's own questions: unknown)
# {'passage': 'Editorial: The structure of the present school calendar was established to satisfy the requirements of ...',
#  'question': "Which one of the following is an assumption on which the editorial's argument depends?",
#  'options': ['(A)During long breaks children have a tendency to forget what they have learned.', ...], 'label': 'D'}
lsat_lr = Task(
    name="agieval_lsat_lr",
    cluster="exams",
    source=hub("agieval", "lsat-lr"),
    example=_agieval,
    templates=[
        Template("{{ passage }}\n{{ question }}", options="always"),
        Template("Argument: {{ passage }}\nQuestion about the argument: {{ question }}", options="always", cue="Answer:"),
        Template("Law school admission test, logical reasoning. {{ question }}\nText: {{ passage }}", options="always"),
        Template(
            "Find the claim and the reasons given for it before you choose.\n{{ passage }}\n{{ question }}", options="always"
        ),
        Template(
            "{{ options }}\nOne of these is the right answer to a question about a short text.\nText: {{ passage }}\n"
            "Question: {{ question }}",
            options="always",
        ),
        Template(
            "Your debate coach hands you this clipping: {{ passage }} Then comes the question. {{ question }}", options="always"
        ),
        Template("Critical thinking exercise\nRead: {{ passage }}\nDecide: {{ question }}", options="always", cue="Decision:"),
        Template(
            "An attentive reader takes the text apart.\n{{ passage }}\nWhat does the reader choose here? {{ question }}",
            options="always",
        ),
        Template(
            "Which choice is justified by the words of the text, and not just by what one might think?\n{{ passage }}\n"
            "{{ question }}",
            options="always",
        ),
        Template(
            "Seminar in argumentation: the following is to be answered about the text below it. {{ question }}\n"
            "The text: {{ passage }}",
            options="always",
            cue="Best choice:",
        ),
    ],
    lineage=["agieval", "lsat"],
    train=None,
    evaluation="test",
    licence="MIT",
    link=_AGIEVAL,
)

# https://github.com/ruixiangcui/AGIEval (data/v1/lsat-rc.jsonl) · licence: MIT (the LSAT's own questions: unknown)
# {'passage': 'Curiously, women legislators ...', 'question': 'Which one of the following most accurately expresses the main
#  idea of the passage?', 'options': ['(A)should sincerely believe that the client may be innocent', ...], 'label': 'B'}
lsat_rc = Task(
    name="agieval_lsat_rc",
    cluster="exams",
    source=hub("agieval", "lsat-rc"),
    example=_agieval,
    templates=[
        Template("{{ passage }}\n{{ question }}", options="always"),
        Template("Passage: {{ passage }}\nQuestion: {{ question }}", options="always", cue="Answer:"),
        Template("Read with this in mind: {{ question }}\nPassage: {{ passage }}", options="always"),
        Template(
            "Law school admission test, reading. Choose what the passage supports.\n{{ passage }}\n{{ question }}",
            options="always",
        ),
        Template(
            "{{ options }}\nThe choices above belong to a question about a scholarly passage.\nQuestion: {{ question }}\n"
            "Passage: {{ passage }}",
            options="always",
        ),
        Template(
            "A dense text needs a slow reader. {{ passage }} Show that you have understood it. {{ question }}", options="always"
        ),
        Template(
            "Summarize the passage to yourself, then turn to the item after it.\n{{ passage }}\nItem: {{ question }}",
            options="always",
            cue="Choice:",
        ),
        Template(
            "What would the author of this passage say? {{ passage }}\nThe examiner's question: {{ question }}",
            options="always",
        ),
        Template(
            "Reading for future lawyers. {{ question }}\nBase your choice on this text alone: {{ passage }}", options="always"
        ),
        Template(
            "Text under discussion: {{ passage }}\nPoint at issue: {{ question }}", options="always", cue="The text supports:"
        ),
    ],
    lineage=["agieval", "lsat"],
    train=None,
    evaluation="test",
    long_fields=["passage"],
    licence="MIT",
    link=_AGIEVAL,
)

# https://github.com/ruixiangcui/AGIEval (data/v1/sat-en.jsonl) · licence: MIT (the SAT's own questions: unknown)
# {'passage': 'This passage is adapted from ...', 'question': 'The main purpose of the passage is to',
#  'options': ['(A)establish that DNA is the molecule that carries the genetic information.', ...], 'label': 'A'}
sat_en = Task(
    name="agieval_sat_en",
    cluster="exams",
    source=hub("agieval", "sat-en"),
    example=_agieval,
    templates=[
        Template("{{ passage }}\n{{ question }}", options="always"),
        Template("SAT, evidence-based reading\nPassage: {{ passage }}\nItem: {{ question }}", options="always", cue="Answer:"),
        Template(
            "Answer or complete the following with one of the choices: {{ question }}\nRead this first: {{ passage }}",
            options="always",
        ),
        Template(
            "English class has read the text below.\n{{ passage }}\nThe teacher's question for the test: {{ question }}",
            options="always",
        ),
        Template(
            "Finish the sentence about the passage as its wording requires.\nPassage: {{ passage }}\nSentence: {{ question }}",
            when="not asks",
            options="always",
        ),
        Template(
            "Look for the lines that decide the matter.\n{{ passage }}\nThe matter: {{ question }}",
            options="always",
            cue="Choice:",
        ),
        Template(
            "{{ options }}\nPick one after reading.\nTo be answered or completed: {{ question }}\nTo be read: {{ passage }}",
            options="always",
        ),
        Template(
            "You tutor a high school junior in reading. Go through the passage together, then settle on a choice.\n"
            "{{ passage }}\n{{ question }}",
            options="always",
        ),
        Template(
            "Literature, history or science, whatever the text is about, its words decide. {{ passage }}\n{{ question }}",
            options="always",
        ),
        Template(
            "Prose passage for college admission: {{ passage }}\nWhat would you mark here? {{ question }}", options="always"
        ),
    ],
    lineage=["agieval", "sat"],
    train=None,
    evaluation="test",
    long_fields=["passage"],
    licence="MIT",
    link=_AGIEVAL,
)

# https://github.com/ruixiangcui/AGIEval (data/v1/logiqa-en.jsonl) · licence: MIT (LogiQA's own: unknown)
# {'passage': 'In the planning of a new district in a township, it was decided to build a special community in the ...',
#  'question': 'Based on the above statement, which of the following can be derived?',
#  'options': ['(A)Civic Park is north of the administrative service area', ...], 'label': 'A'}
# The test split of LogiQA, translated from a Chinese civil servants' exam.
logiqa_en = Task(
    name="agieval_logiqa_en",
    cluster="exams",
    source=hub("agieval", "logiqa-en"),
    example=_agieval,
    templates=[
        Template("{{ passage }}\n{{ question }}", options="always"),
        Template("Civil service exam, logic section\n{{ passage }}\n{{ question }}", options="always", cue="Answer:"),
        Template("Given: {{ passage }}\nTo decide: {{ question }}", options="always"),
        Template(
            "Take every statement below at its word and reason from there. {{ passage }}\n{{ question }}", options="always"
        ),
        Template(
            "{{ options }}\nExactly one of them is the answer. Statements: {{ passage }}\nQuestion: {{ question }}",
            options="always",
        ),
        Template(
            "The English may be stiff, since it was translated, but the logic is sound.\n{{ passage }}\n{{ question }}",
            options="always",
        ),
        Template(
            "Write the facts as a list of ifs and thens, then find the choice that fits.\nFacts: {{ passage }}\n{{ question }}",
            options="always",
            cue="It is:",
        ),
        Template(
            "A candidate for public office service reads this: {{ passage }} What should the candidate choose? {{ question }}",
            options="always",
        ),
        Template(
            "Does it follow, does it weaken, or does it explain? See what is wanted here: {{ question }}\nText: {{ passage }}",
            options="always",
        ),
        Template(
            "Brain teaser from an aptitude test.\n{{ passage }}\nYour task: {{ question }}", options="always", cue="Solution:"
        ),
    ],
    lineage=["agieval", "logiqa"],
    train=None,
    evaluation="test",
    licence="MIT",
    link=_AGIEVAL,
)

exams = Mixture(name="exams", parts=[mmlu, mmlu_pro], rate=proportional(cap=3000))

exams_files = Mixture(
    name="exams_files",
    parts=[lsat_ar, lsat_lr, lsat_rc, sat_en, logiqa_en],
    rate=proportional(cap=3000),
)
