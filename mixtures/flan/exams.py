"""Exams on many subjects, written for people, as multiple choice: MMLU and MMLU-Pro. For evaluation only.

Neither FLAN nor T0 trains on them. Left out: MMLU's auxiliary_train split, which repeats ARC, OpenBookQA, RACE and MCTest;
GPQA, whose authors ask that its items appear nowhere in plain text. AGIEval's tests are in reading_exams.py and math.py.
"""

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
    subject = subject.replace("us history", "US history").replace("us foreign", "US foreign").replace("european", "European")
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
            "Test item: {{ question }}\n{{ options }}\nThree of these choices are wrong. Which one is not?", options="always"
        ),
        Template("You are grading papers for this item. Which choice earns the point?\nItem: {{ question }}", options="always"),
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

exams = Mixture(name="exams", parts=[mmlu, mmlu_pro], rate=proportional(cap=3000))
