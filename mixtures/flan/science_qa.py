"""Science and medicine as multiple-choice questions without a text to read.

FLAN 2021 has ARC among its closed-book questions and OpenBookQA in reading comprehension; T0 adds SciQ, QASC and WIQA; Flan
2022 adds QASC with the two facts that lead to the answer. MedMCQA, MedQA and ScienceQA are later sets of the same kind.

Left out: Flan 2022's unified_qa_science (the AI2 elementary and middle school sets), which its hub repositories do not hold
as data; and the auxiliary_train split of MMLU, which repeats ARC, OpenBookQA, RACE and MCTest.

A question that points at its choices ("Which of the following ...") is never asked without them: its wordings show options
always. The field `open` says of a question that it makes sense alone, `asks` that it is one, and not the start of a sentence
that the right choice completes.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, label, proportional

_POINTS_AT_CHOICES = re.compile(
    r"\b(which|following|these|those|except|best|most likely|least|not|true|correct)\b", re.IGNORECASE
)
_NAMES_CHOICES = re.compile(
    r"^(all|none|both|any|neither)$|\b(all|none|both|any|neither) (of )?(the )?(above|these|those|mentioned)\b"
    r"|\b[a-d] ?(and|&|,) ?[a-d]\b",
    re.IGNORECASE,
)


def _without_stop(text):
    """A choice without the full stop that ends some of them, so that all read alike in a list."""
    return re.sub(r"(?<=[A-Za-z0-9)%])(?<!\.[A-Z])\.$", "", " ".join(text.split()))


def _choice(question, answer, options, rationale="", **more):
    """A multiple-choice example. A row that offers one text twice is left out, since either would be right."""
    question = " ".join(question.split())
    options = tuple(_without_stop(option) for option in options)
    if len(set(options)) < len(options) or not all(options):
        raise SkipRow("a choice is empty, or two are the same")
    answer = _without_stop(answer)
    asks = question.endswith((".", "?", "!"))
    fields = {
        "question": question[:1].upper() + question[1:],
        "asks": asks,
        "open": asks and not _POINTS_AT_CHOICES.search(question) and not _NAMES_CHOICES.search(answer),
        "others": [option for option in options if option != answer],
    }
    return Example({**fields, **more}, answer, options, " ".join(rationale.split()))


def _lettered(question, row, rationale="", **more):
    """The layout of ARC, OpenBookQA and QASC: choices as parallel lists, the answer as a letter or number."""
    labels, texts = row["choices"]["label"], row["choices"]["text"]
    if row["answerKey"] not in labels:
        raise SkipRow("no label")
    return _choice(question, texts[labels.index(row["answerKey"])], texts, rationale, **more)


# --- school science --------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/allenai/ai2_arc (ARC-Easy) · licence: CC BY-SA 4.0
# {'id': 'Mercury_7220990', 'question': 'Which factor will most likely cause a person to develop a fever?',
#  'choices': {'text': ['a leg muscle relaxing after exercise', 'a bacterial population in the bloodstream', ...],
#  'label': ['A', 'B', 'C', 'D']}, 'answerKey': 'B'}   some rows are labeled 1 to 4, a few have three or five choices
arc_easy = Task(
    name="arc_easy",
    cluster="science_qa",
    source=hub("allenai/ai2_arc", "ARC-Easy"),
    example=lambda row: _lettered(row["question"], row),
    templates=[
        Template("{{ question }}", options="always"),
        Template(
            "There are no choices to pick from here, so answer in a few words of your own. {{ question }}",
            when="open",
            options="never",
        ),
        Template(
            "This is from a science test for grades three to nine. Which choice earns the point?\n{{ question }}",
            options="always",
        ),
        Template(
            "{{ options }}\nOne of these is the right answer to, or ending of, the following.\n{{ question }}", options="always"
        ),
        Template(
            "Complete the sentence with the choice that makes it true.\n{{ question }}", when="not asks", options="always"
        ),
        Template(
            "A student raises her hand and asks about a science exercise: {{ question }} Help her with the answer.",
            when="asks",
            options="always",
        ),
        Template("Science class, easy question: {{ question }}", options="always", cue="Correct choice:"),
        Template("How would you explain it to a ten-year-old in a single phrase? {{ question }}", when="open"),
        Template(
            "Mark the answer that a science teacher would accept.\nQuestion: {{ question }}\n{{ options }}", options="always"
        ),
        Template(
            "I'm checking the answer key of an elementary science quiz. For the item below, what should the key say?\n"
            "{{ question }}",
            options="always",
        ),
        Template("Q. {{ question }}", options="always", cue="A."),
        Template(
            "Write a science question for school that has this as its right answer: {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
        Template(
            "A teacher needs wrong answers that students could fall for. The question: {{ question }} The right answer: "
            "{{ answer }}\nSuggest the wrong ones, separated by semicolons.",
            "{{ others | join('; ') }}",
            kind="inverted",
            name="write_distractors",
        ),
    ],
    lineage=["arc"],
    train="train",
    evaluation="test",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/allenai/ai2_arc",
)

# https://huggingface.co/datasets/allenai/ai2_arc (ARC-Challenge) · licence: CC BY-SA 4.0
# {'id': 'Mercury_SC_415702', 'question': 'George wants to warm his hands quickly by rubbing them. Which skin surface will
#  produce the most heat?', 'choices': {'text': ['dry palms', 'wet palms', 'palms covered with oil', ...],
#  'label': ['A', 'B', 'C', 'D']}, 'answerKey': 'A'}
# The questions of ARC that both a retrieval and a word co-occurrence method answered wrongly.
arc_challenge = Task(
    name="arc_challenge",
    cluster="science_qa",
    source=hub("allenai/ai2_arc", "ARC-Challenge"),
    example=lambda row: _lettered(row["question"], row),
    templates=[
        Template("{{ question }}", options="always"),
        Template(
            "This science question is harder than it looks, because looking up its words does not help. "
            "Reason about it, then choose.\n{{ question }}",
            options="always",
        ),
        Template("Rule out what cannot be right. Which choice remains?\n{{ question }}", options="always"),
        Template("Exam in natural science, section B.\n{{ options }}\nItem: {{ question }}", options="always", cue="Solution:"),
        Template(
            "The beginning of a statement about nature or technology is given. Which of the endings fits what science says?\n"
            "{{ question }}",
            when="not asks",
            options="always",
        ),
        Template("Say briefly what a physics, biology, chemistry or geology teacher would reply. {{ question }}", when="open"),
        Template(
            "Three classmates have given up on this one, so it is your turn, and choose carefully: {{ question }}",
            options="always",
        ),
        Template("Science olympiad, first round\n{{ question }}", options="always", cue="Your answer:"),
        Template(
            "Call to mind what you have seen or read of the subject of this item, then choose.\n{{ question }}",
            options="always",
        ),
        Template("Could you pick the right answer for me? I need to be sure about this one.\n{{ question }}", options="always"),
        Template(
            "Only one choice agrees with everything that is known. Which choice is it?\n{{ options }}\n"
            "This is what it answers or completes: {{ question }}",
            options="always",
        ),
        Template(
            "For a demanding science exam, pose a question that cannot be answered by looking up a word. "
            "The answer is to be: {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
        Template(
            "Make this exam question harder by adding wrong choices that sound plausible. Separate them by semicolons.\n"
            "{{ question }}\nCorrect: {{ answer }}",
            "{{ others | join('; ') }}",
            kind="inverted",
            name="write_distractors",
        ),
    ],
    lineage=["arc"],
    train="train",
    evaluation="test",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/allenai/ai2_arc",
)

# https://huggingface.co/datasets/allenai/openbookqa (main) · licence: unknown
# {'id': '7-980', 'question_stem': 'The sun is responsible for', 'choices': {'text': ['puppies learning new tricks',
#  'children growing up and getting old', 'flowers wilting in a vase', 'plants sprouting, blooming and wilting'],
#  'label': ['A', 'B', 'C', 'D']}, 'answerKey': 'D'}   two in three are the start of a sentence
openbookqa = Task(
    name="openbookqa",
    cluster="science_qa",
    source=hub("allenai/openbookqa", "main"),
    example=lambda row: _lettered(row["question_stem"], row),
    templates=[
        Template("{{ question }}", options="always"),
        Template(
            "Finish the sentence in the way that science and everyday experience support.\n{{ question }}",
            when="not asks",
            options="always",
        ),
        Template(
            "An elementary science fact lies behind this question. Find the answer that follows from it.\n{{ question }}",
            when="asks",
            options="always",
        ),
        Template("Which choice goes best with these words: {{ question }}", options="always"),
        Template(
            'Take a simple law of nature and apply it to a case from daily life. The case: "{{ question }}" '
            "The right conclusion is among the choices.",
            options="always",
        ),
        Template("{{ options }}\nOnly one of the above answers or completes the following: {{ question }}", options="always"),
        Template("Open-book science test\n{{ question }}", options="always", cue="Best choice:"),
        Template(
            "What do you know about animals, plants, weather, energy or matter that settles this? {{ question }}",
            options="always",
        ),
        Template(
            "Some choices are silly and one is sound. Pick the sound one.\n{{ question }}\n{{ options }}", options="always"
        ),
        Template('My worksheet says "{{ question }}" and then lists a few choices. Which should I circle?', options="always"),
        Template("Answer this in a word or two, with some elementary science in mind: {{ question }}", when="open"),
        Template(
            "Write either a question or the beginning of a sentence, about everyday science, "
            "such that this is its right answer or ending: {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="write_stem",
        ),
        Template(
            'A worksheet item reads "{{ question }}" and the right choice is "{{ answer }}". '
            "Invent the other choices, wrong and a little silly, separated by semicolons.",
            "{{ others | join('; ') }}",
            kind="inverted",
            name="write_distractors",
        ),
    ],
    lineage=["openbookqa"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/allenai/openbookqa",
)


# https://huggingface.co/datasets/allenai/sciq · licence: CC BY-NC 3.0
# {'question': 'What type of organism is commonly used in preparation of foods such as cheese and yogurt?',
#  'distractor3': 'viruses', 'distractor1': 'protozoa', 'distractor2': 'gymnosperms',
#  'correct_answer': 'mesophilic organisms', 'support': 'Mesophiles grow best in moderate temperature, typically ...'}
# `support` is empty in a tenth of the rows.
def _sciq(row):
    right = row["correct_answer"]
    options = sorted([right, row["distractor1"], row["distractor2"], row["distractor3"]])
    question = row["question"].strip()
    question = question if question.endswith((".", "?", "!")) else f"{question}?"
    return _choice(question, right, options, support=" ".join(row["support"].split()))


sciq = Task(
    name="sciq",
    cluster="science_qa",
    source=hub("allenai/sciq"),
    example=_sciq,
    templates=[
        Template("{{ question }}"),
        Template("Name the scientific term. {{ question }}"),
        Template(
            "A textbook ends its chapter with this review question: {{ question }} Give the answer in one to three words."
        ),
        Template("Flashcard, front: {{ question }}", cue="Flashcard, back:"),
        Template("{{ question }} Pick the term that belongs here.", options="always"),
        Template(
            "Which of the terms listed answers the question?\n{{ options }}\nThe question: {{ question }}", options="always"
        ),
        Template(
            "Biology, chemistry, earth science or physics, it could come from any of them: {{ question }}",
            cue="Answer:",
        ),
        Template(
            'You are tutoring for a high-school science exam. Your student reads out, "{{ question }}" and waits. '
            "What is the answer?"
        ),
        Template(
            "Read the textbook paragraph, then answer the question with a term.\nParagraph: {{ support }}\n"
            "Question: {{ question }}",
            when="support",
        ),
        Template("{{ question }}\nFour terms were offered in the exam, and only one of them was right.", options="always"),
        Template(
            "Lab safety first, then the warm-up quiz. Item one: {{ question }} Write the missing name or term on the board."
        ),
        Template(
            'Write the review question for a science chapter that students should answer with "{{ answer }}".',
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
        Template(
            "Explain, as a science textbook would in a short paragraph, what one needs to know to answer this: {{ question }}",
            "{{ support }}",
            kind="inverted",
            name="write_support",
            when="support",
        ),
    ],
    lineage=["sciq"],
    train="train",
    evaluation="test",
    long_fields=["support"],
    licence="CC BY-NC 3.0",
    link="https://huggingface.co/datasets/allenai/sciq",
)


# https://huggingface.co/datasets/allenai/qasc · licence: CC BY 4.0
# {'id': '3E7TUJ2EGCLQNOV1WEAJ2NN9ROPD9K', 'question': 'What type of water formation is formed by clouds?',
#  'choices': {'text': ['pearls', 'streams', 'shells', 'diamonds', 'rain', 'beads', 'cooled', 'liquid'],
#  'label': ['A', ..., 'H']}, 'answerKey': 'F', 'fact1': 'beads of water are formed by water vapor condensing',
#  'fact2': 'Clouds are made of water vapor.', 'combinedfact': 'Beads of water can be formed by clouds.',
#  'formatted_question': 'What type of water formation is formed by clouds? (A) pearls (B) streams ...'}
# The test split has neither answers nor facts.
def _fact(text):
    text = " ".join(text.split()).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _qasc(row):
    first, second, both = (_fact(row[name]) for name in ("fact1", "fact2", "combinedfact"))
    return _lettered(row["question"], row, f"{first} {second} {both}", fact1=first, fact2=second, combined=both)


qasc = Task(
    name="qasc",
    cluster="science_qa",
    source=hub("allenai/qasc"),
    example=_qasc,
    templates=[
        Template("{{ question }}", options="always"),
        Template(
            "Eight choices are given, and two facts put together lead to the right one.\n{{ question }}", options="always"
        ),
        Template("Fact: {{ fact1 }}\nAnother fact: {{ fact2 }}\nCombine them to answer this: {{ question }}", options="always"),
        Template(
            "Find the choice that a chain of two facts leads to.\nStart of the chain: {{ question }}\n{{ options }}",
            options="always",
        ),
        Template("Grade-school science, one step further: {{ question }}", options="always", cue="Choice:"),
        Template("Keep in mind what you have just learned. {{ fact2 }} {{ question }}", options="always"),
        Template(
            "No single sentence of your science book has the answer, but two sentences do. What is it?\n{{ question }}",
            options="always",
        ),
        Template("{{ options }}\nFrom this list, select what fits: {{ question }}", options="always"),
        Template("Answer with one scientific term or a short phrase. {{ question }}", when="open"),
        Template(
            'A robot that knows simple facts about nature is asked: "{{ question }}" Which choice should it infer?',
            options="always",
        ),
        Template(
            "Draw one conclusion from these two facts, using what they have in common.\n1: {{ fact1 }}\n2: {{ fact2 }}",
            "{{ combined }}",
            kind="inverted",
            name="combine_facts",
        ),
        Template(
            'It is known that: {{ combined }}\nAsk a short science question that this answers with "{{ answer }}".',
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
        Template(
            "State the facts that lead from the question to its answer.\nQuestion: {{ question }}\nAnswer: {{ answer }}",
            "{{ rationale }}",
            kind="inverted",
            name="give_facts",
        ),
    ],
    lineage=["qasc"],
    train="train",
    evaluation="validation",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/allenai/qasc",
)


# https://huggingface.co/datasets/tasksource/ScienceQA_text_only · licence: unknown (ScienceQA itself: CC BY-SA 4.0)
# {'question': 'Which of these states is farthest north?', 'choices': ['West Virginia', 'Louisiana', 'Arizona', 'Oklahoma'],
#  'answer': 0, 'hint': '', 'task': 'closed choice', 'grade': 'grade2', 'subject': 'social science', 'topic': 'geography',
#  'category': 'Geography', 'skill': 'Read a map: cardinal directions', 'lecture': 'Maps have four cardinal directions...',
#  'solution': 'To find the answer, look at the compass rose. ...'}
# The rows of ScienceQA that have no picture: natural, social and language science from grade 1 to 12.
def _scienceqa(row):
    options = row["choices"]
    more = {
        "hint": " ".join((row["hint"] or "").split()),
        "grade": row["grade"].removeprefix("grade"),
        "skill": row["skill"].strip(),
        "topic": row["topic"].replace("-", " ").strip(),
        "lecture": " ".join((row["lecture"] or "").split()),
    }
    return _choice(row["question"], options[row["answer"]], options, row["solution"] or "", **more)


_HINT = "{% if hint %}{{ hint }} {% endif %}"

scienceqa = Task(
    name="scienceqa",
    cluster="science_qa",
    source=hub("tasksource/ScienceQA_text_only"),
    example=_scienceqa,
    templates=[
        Template(_HINT + "{{ question }}", options="always"),
        Template("A question for grade {{ grade }}. " + _HINT + "{{ question }}\nSelect the correct choice.", options="always"),
        Template(
            "{% if hint %}Context: {{ hint }}\n{% endif %}Exercise: {{ question }}", options="always", cue="Right choice:"
        ),
        Template("School subject: {{ topic }}\n" + _HINT + "{{ question }}\nWhat is the right choice?", options="always"),
        Template(
            "Your little brother is in grade {{ grade }} and brings home this exercise: " + _HINT + "{{ question }} "
            "Tell him what to tick.",
            options="always",
        ),
        Template(
            "Skill to practice: {{ skill }}\nRead the exercise and choose.\n" + _HINT + "{{ question }}", options="always"
        ),
        Template(
            "Use the lesson to do the exercise.\nLesson: {{ lecture }}\nExercise: " + _HINT + "{{ question }}",
            when="lecture",
            options="always",
        ),
        Template(
            "{{ options }}\nWhich of them is the answer? {{ question }}{% if hint %} Note: {{ hint }}{% endif %}",
            options="always",
        ),
        Template(
            "Online learning platform, level {{ grade }} of 12.\n" + _HINT + "{{ question }}",
            options="always",
            cue="You choose:",
        ),
        Template("Please solve this school exercise in {{ topic }} for me.\n" + _HINT + "{{ question }}", options="always"),
        Template(
            "Exercise: " + _HINT + "{{ question }}\nThe correct choice is: {{ answer }}\nWrite the explanation that appears "
            "after a student has answered.",
            "{{ rationale }}",
            kind="inverted",
            name="explain",
        ),
        Template(
            "Which skill does this grade {{ grade }} exercise train? Name it as a curriculum would.\nExercise: {{ question }}",
            "{{ skill }}",
            kind="inverted",
            name="name_skill",
        ),
        Template(
            'Write a short lesson for grade {{ grade }} that prepares students for the skill "{{ skill }}".',
            "{{ lecture }}",
            kind="inverted",
            name="write_lesson",
            when="lecture",
        ),
    ],
    lineage=["science_qa"],
    train="train",
    evaluation="test",
    long_fields=["hint", "lecture"],
    licence="unknown",
    link="https://huggingface.co/datasets/tasksource/ScienceQA_text_only",
)


# --- effects in a process --------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/allenai/wiqa · licence: unknown
# {'question_stem': 'suppose there will be fewer new trees happens, how will it affect LESS forest formation.',
#  'question_para_step': ['A tree produces seeds', 'The seeds are dispersed by wind, animals, etc', ...],
#  'answer_label': 'more', 'answer_label_as_choice': 'A', 'choices': {'label': ['A', 'B', 'C'],
#  'text': ['more', 'less', 'no effect']}, 'metadata_question_id': 'influence_graph:1310:156:106#0', ...
#  'metadata_question_type': 'EXOGENOUS_EFFECT', 'metadata_path_len': 2}   answer_label is 'more', 'less' or 'no_effect'
# The repository holds a script; the revision is the pull request that turns it into Parquet.
def _wiqa(row):
    found = re.fullmatch(r"suppose (.+?) happens,? how will it affect (.+?)[.?]?", row["question_stem"].strip())
    if found is None:
        raise SkipRow("not a question about a cause and an effect")
    steps = [_fact(step) for step in row["question_para_step"] if step.strip()]
    if len(steps) < 3:
        raise SkipRow("hardly a process")
    cause, effect = (" ".join(text.split()) for text in found.groups())
    fields = {"process": " ".join(steps), "cause": cause, "effect": effect}
    ends = {"first": steps[0], "all_but_first": " ".join(steps[1:]), "last": steps[-1], "all_but_last": " ".join(steps[:-1])}
    return Example({**fields, **ends}, row["answer_label"].replace("_", " "), ("more", "less", "no effect"))


wiqa = Task(
    name="wiqa",
    cluster="science_qa",
    source=hub("allenai/wiqa", revision="refs/pr/4"),
    example=_wiqa,
    templates=[
        Template(
            "Process: {{ process }}\nSuppose that the following happens: {{ cause }}\n"
            "How does it affect this: {{ effect }}\nAnswer with more, less or no effect.",
            options="never",
        ),
        Template(
            'A process goes like this. {{ process }} Now something changes: "{{ cause }}" '
            'Does that make the following more likely, less likely or neither? "{{ effect }}"',
            words={"more": "more likely", "less": "less likely", "no effect": "neither"},
            options="never",
        ),
        Template(
            "Cause: {{ cause }}\nPossible effect: {{ effect }}\nJudge by the steps below whether the cause makes the effect "
            "stronger or weaker or leaves it alone.\nSteps: {{ process }}",
            words={"more": "stronger", "less": "weaker", "no effect": "leaves it alone"},
            options="never",
        ),
        Template(
            "{{ process }}\nWhat if this came about: {{ cause }}\nWould it help or hinder the following, or do nothing to it? "
            "{{ effect }}",
            words={"more": "help", "less": "hinder", "no effect": "do nothing"},
            options="never",
        ),
        Template(
            "Science lesson on how one thing leads to another. The teacher writes these steps on the board: {{ process }} "
            'Then she asks what becomes of "{{ effect }}" if this comes about: "{{ cause }}" What should the class say?',
            options="always",
        ),
        Template(
            "Simulate the process in your head, once as written and once with the change.\nAs written: {{ process }}\n"
            "The change: {{ cause }}\nCompared with before, how much is there of this: {{ effect }}",
            words={"more": "more than before", "less": "less than before", "no effect": "as much as before"},
            options="always",
        ),
        Template(
            "Fill in the arrow of an influence diagram: + for a push up, - for a push down, 0 for none.\n"
            "From: {{ cause }}\nTo: {{ effect }}\nThe process behind the diagram: {{ process }}",
            words={"more": "+", "less": "-", "no effect": "0"},
            options="never",
        ),
        Template(
            'You know that a process runs like this: {{ process }}\nThen a friend tells you: "{{ cause }}" '
            "Do you now expect an increase, a decrease or no change in this? {{ effect }}",
            words={"more": "an increase", "less": "a decrease", "no effect": "no change"},
            options="never",
        ),
        Template(
            "Read how it works, then say which way the effect goes.\nHow it works: {{ process }}\n"
            "What happens: {{ cause }}\nWhat may be affected: {{ effect }}",
            words={"more": "up", "less": "down", "no effect": "neither way"},
            options="always",
            cue="Direction:",
        ),
        Template(
            "{{ options }}\nChoose what the cause does to the effect, given the steps in between.\n"
            "Effect: {{ effect }}\nCause: {{ cause }}\nSteps: {{ process }}",
            options="always",
        ),
        Template(
            "The last step of this process has been torn off. Write it.\n{{ all_but_last }}",
            "{{ last }}",
            kind="inverted",
            name="last_step",
        ),
        Template(
            "How does a process begin that goes on like this? Write its first step.\n{{ all_but_first }}",
            "{{ first }}",
            kind="inverted",
            name="first_step",
        ),
    ],
    lineage=["wiqa", "propara"],
    metrics=["accuracy", "macro_f1"],
    train="train",
    evaluation="validation",
    long_fields=["process", "all_but_last", "all_but_first"],
    licence="unknown",
    link="https://huggingface.co/datasets/allenai/wiqa",
)

# --- medicine --------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/openlifescienceai/medmcqa · licence: Apache-2.0
# {'id': 'e9ad821a-c438-4965-9f77-760819dfa155', 'question': 'Chronic urethral obstruction due to benign prismatic
#  hyperplasia can lead to the following change in kidney parenchyma', 'opa': 'Hyperplasia', 'opb': 'Hyperophy',
#  'opc': 'Atrophy', 'opd': 'Dyplasia', 'cop': 2, 'choice_type': 'single', 'exp': 'Chronic urethral obstruction ...',
#  'subject_name': 'Anatomy', 'topic_name': 'Urinary tract'}
# labels: a, b, c, d (-1 in the test split). `exp` and `topic_name` may be null. "All of the above" occurs.
_LETTERED_EXPLANATION = re.compile(r"\b(ans|answer|option|choice|ref|refer)\b|\([a-d]\)|'[a-d]'|<|\bpg\b", re.IGNORECASE)
_right_one = label(("opa", "opb", "opc", "opd"))


def _medmcqa(row):
    explanation = " ".join((row["exp"] or "").split())
    usable = 40 <= len(explanation) <= 800 and not _LETTERED_EXPLANATION.search(explanation)
    more = {"subject": row["subject_name"].strip(), "topic": (row["topic_name"] or "").strip()}
    options = [row[name] for name in ("opa", "opb", "opc", "opd")]
    return _choice(row["question"].rstrip(" :-"), row[_right_one(row["cop"])], options, explanation if usable else "", **more)


medmcqa = Task(
    name="medmcqa",
    cluster="science_qa",
    source=hub("openlifescienceai/medmcqa"),
    example=_medmcqa,
    templates=[
        Template("{{ question }}", options="always"),
        Template("Medical entrance exam, subject: {{ subject }}\n{{ question }}", options="always"),
        Template(
            "You are sitting an exam for a place as a resident doctor. Choose the single best answer.\n{{ question }}",
            options="always",
        ),
        Template("{{ options }}\nOne of these answers or completes the exam item below.\n{{ question }}", options="always"),
        Template("Subject: {{ subject }}\nItem: {{ question }}", options="always", cue="Key:"),
        Template(
            "A fellow student is revising {{ subject | lower }} and got stuck. Which choice do you tell her to mark?\n"
            "{{ question }}",
            options="always",
        ),
        Template(
            "Recall what the textbooks say about {{ topic | lower }}, then pick the right choice.\n{{ question }}",
            when="topic",
            options="always",
        ),
        Template("Clinical knowledge, one mark, no negative marking: {{ question }}", options="always", cue="I mark"),
        Template("Answer the medical question in a word or two: {{ question }}", when="open"),
        Template(
            "Examiners drew up the following item on {{ subject | lower }}. Decide which choice they count as correct.\n"
            "{{ question }}",
            options="always",
        ),
        Template(
            'Explain to a medical student why "{{ answer }}" is right here.\n{{ question }}',
            "{{ rationale }}",
            kind="inverted",
            name="explain",
        ),
        Template(
            "Write an exam item for future doctors in the subject {{ subject | lower }}. The correct choice is to be "
            '"{{ answer }}".',
            "{{ question }}",
            kind="inverted",
            name="write_item",
        ),
        Template(
            "To which medical subject does this exam item belong?\n{{ question }}",
            "{{ subject }}",
            kind="inverted",
            name="name_subject",
        ),
    ],
    lineage=["medmcqa"],
    train="train",
    evaluation="validation",
    shuffle_options=False,
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/openlifescienceai/medmcqa",
)


# https://huggingface.co/datasets/GBaker/MedQA-USMLE-4-options · licence: CC BY 4.0
# {'question': 'A 23-year-old pregnant woman at 22 weeks gestation presents with burning upon urination. ... Which of the
#  following is the best treatment for this patient?', 'answer': 'Nitrofurantoin', 'options': {'A': 'Ampicillin',
#  'B': 'Ceftriaxone', 'C': 'Doxycycline', 'D': 'Nitrofurantoin'}, 'meta_info': 'step2&3', 'answer_idx': 'D',
#  'metamap_phrases': ['23 year old pregnant woman', ...]}   most questions tell a patient's story first
def _medqa(row):
    story, _, question = " ".join(row["question"].split()).rpartition(". ")
    options = [row["options"][letter] for letter in sorted(row["options"]) if row["options"][letter]]
    more = {"story": f"{story}." if story else "", "last": question}
    return _choice(row["question"], row["options"][row["answer_idx"]], options, **more)


medqa = Task(
    name="medqa_usmle",
    cluster="science_qa",
    source=hub("GBaker/MedQA-USMLE-4-options"),
    example=_medqa,
    templates=[
        Template("{{ question }}", options="always"),
        Template(
            "Medical licensing exam. Read the case and choose the single best answer.\nCase: {{ question }}",
            options="always",
        ),
        Template("{{ last }}\nThe case: {{ story }}", when="story", options="always"),
        Template("Case report: {{ story }}\nQuestion for the board: {{ last }}", when="story", options="always", cue="Answer:"),
        Template(
            'On the morning round, the attending physician tells the students: "{{ question }}" '
            "Which choice should the students give?",
            options="always",
        ),
        Template(
            "Weigh the findings one by one and rule out what does not fit.\n{{ question }}\n{{ options }}\nWhat is left?",
            options="always",
        ),
        Template("Practice item for the USMLE: {{ question }}", options="always", cue="Best choice:"),
        Template(
            "{{ options }}\nWhich of these does the patient's story point to?\n{{ question }}", when="story", options="always"
        ),
        Template(
            "A medical school checks its question bank, and you supply the key for the item that follows.\n{{ question }}",
            options="always",
        ),
        Template(
            "Think like a physician: from the history, the examination and the test results to one decision.\n{{ question }}",
            options="always",
        ),
        Template(
            "Write the vignette of a patient for a licensing exam. It should end in a question that is answered with "
            '"{{ answer }}".',
            "{{ question }}",
            kind="inverted",
            name="write_case",
        ),
        Template(
            'A licensing exam tells this story of a patient and accepts "{{ answer }}" as the answer. '
            "Which question comes after the story?\n{{ story }}",
            "{{ last }}",
            kind="inverted",
            name="ask_about_case",
            when="story",
        ),
    ],
    lineage=["medqa"],
    train="train",
    evaluation="test",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/GBaker/MedQA-USMLE-4-options",
)

science_qa = Mixture(
    name="science_qa",
    parts=[arc_easy, arc_challenge, openbookqa, sciq, qasc, scienceqa, wiqa, medmcqa, medqa],
    rate=proportional(cap=3000),
)
