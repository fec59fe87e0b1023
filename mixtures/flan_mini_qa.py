"""Questions: reading comprehension, common sense, and questions that are answered without a text.

Part of mixtures/flan_mini.py. Where a question makes no sense without its choices ("Which of the following ..."), the task is
in `multiple_choice`, which shows them always.
"""

from flanjax import Example, Mixture, SkipRow, StyleShares, Task, Template, hub, label, proportional

_NO_YES = ("no", "yes")
_yes = label(_NO_YES)


def _choice(fields, answer, options):
    """A multiple-choice example; a row that offers one text twice is left out, since either would be right."""
    options = tuple(o.strip() for o in options)
    if len(set(options)) < len(options):
        raise SkipRow("two choices are the same")
    return Example(fields, answer.strip(), options=options)


def _lettered(question, row):
    """The layout of ARC, OpenBookQA and CommonsenseQA: choices as parallel lists, the answer as a letter."""
    labels, texts = row["choices"]["label"], row["choices"]["text"]
    if row["answerKey"] not in labels:
        raise SkipRow("no label")
    return _choice({"question": question.strip()}, texts[labels.index(row["answerKey"])], texts)


# --- reading comprehension -------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/aps/super_glue (multirc) · licence: MultiRC's own, research only
# {'paragraph': 'While this ...', 'question': 'What did the high-level effort to persuade Pakistan include?',
#  'answer': 'Monetary rewards', 'idx': {'paragraph': 0, ...}, 'label': 0}   several answers of a question may be right
def _multirc(row):
    fields = {"passage": row["paragraph"].strip(), "question": row["question"].strip(), "reply": row["answer"].strip()}
    return Example(fields, _yes(row["label"]), options=_NO_YES)


multirc = Task(
    name="multirc",
    cluster="reading_comprehension",
    source=hub("aps/super_glue", "multirc"),
    example=_multirc,
    templates=[
        Template(
            'After the text comes a question with a reply. Is the reply right? Text: {{ passage }} {{ question }} "{{ reply }}"'
        ),
        Template(
            "Question: {{ question }}\nProposed answer: {{ reply }}\nIs it correct according to this passage? {{ passage }}"
        ),
        Template("{{ passage }}\n{{ question }}\nA pupil answered: {{ reply }}. Is the pupil right, yes or no?"),
        Template(
            "Is the reply right, yes or no?\n{{ options }}\nQuestion: {{ question }}\nReply: {{ reply }}\nSource: {{ passage }}"
        ),
        Template('Would "{{ reply }}" be a good answer to "{{ question }}" for a reader of the following? {{ passage }}'),
        Template("Source: {{ passage }}\nQuery: {{ question }}\nResponse: {{ reply }}\nCorrect?"),
    ],
    lineage=["multirc", "mctest"],
    evaluation="validation",
    long_fields=["passage"],
    licence="research only",
    link="https://huggingface.co/datasets/aps/super_glue",
)

# https://huggingface.co/datasets/dataset-org/dream · licence: non-commercial research only
# {'dialogue': ['M: I am considering dropping my dancing class. I am not making any progress.', 'W: If I were you, ...'],
#  'question': 'What does the man suggest the woman do?', 'choice': ['Consult her dancing teacher.', ...], 'answer': '...'}
dream = Task(
    name="dream",
    cluster="reading_comprehension",
    source=hub("dataset-org/dream"),
    example=lambda row: _choice(
        {"dialogue": "\n".join(row["dialogue"]), "question": row["question"].strip()}, row["answer"], row["choice"]
    ),
    templates=[
        Template("Conversation: {{ dialogue }}\nQuestion: {{ question }}"),
        Template(
            "Answer the question about the talk between a man (M) and a woman (W). {{ question }} The talk: {{ dialogue }}"
        ),
        Template("{{ dialogue }}\nYou heard these people speak. {{ question }}"),
        Template("Listening test. {{ question }}\n{{ options }}\nTranscript: {{ dialogue }}"),
        Template("{{ options }}\nTranscript: {{ dialogue }}\nAsked: {{ question }}\nAnswered:"),
        Template(
            'Make up a question about this dialogue that is answered by "{{ answer }}" Dialogue: {{ dialogue }}',
            "{{ question }}",
            kind="inverted",
        ),
    ],
    lineage=["dream"],
    evaluation="test",
    long_fields=["dialogue"],
    licence="non-commercial research only",
    link="https://huggingface.co/datasets/dataset-org/dream",
)

# https://huggingface.co/datasets/google/boolq · licence: CC BY-SA 3.0
# {'question': 'is house tax and property tax are same', 'answer': True, 'passage': 'Property tax -- ...'}
boolq = Task(
    name="boolq",
    cluster="reading_comprehension",
    source=hub("google/boolq"),
    example=lambda row: Example(
        {"question": row["question"].strip(), "passage": row["passage"].strip()}, _NO_YES[bool(row["answer"])], options=_NO_YES
    ),
    templates=[
        Template("{{ passage }}\nGoing by this text, {{ question }}? Yes or no?"),
        Template("{{ options }}\nSearch query: {{ question }}\nBest page: {{ passage }}\nShort answer (yes or no):"),
        Template("Look up the answer in the article: {{ question }}? Article: {{ passage }}"),
        Template(
            "The answer to the question is yes or no. Which?\n{{ options }}\nQuestion: {{ question }}?\nText: {{ passage }}"
        ),
        Template('{{ options }}\nAnn: Tell me, {{ question }}?\nBen: My encyclopedia says: "{{ passage }}" So the answer is'),
        Template(
            "Ask something that this text answers with {{ answer }}. Text: {{ passage }}",
            "{{ question }}?",
            kind="inverted",
        ),
    ],
    lineage=["natural_questions"],
    train="validation[:80%]",
    evaluation="validation[80%:]",
    long_fields=["passage"],
    licence="CC BY-SA 3.0",
    link="https://huggingface.co/datasets/google/boolq",
)

# --- common sense ----------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/tau/commonsense_qa · licence: MIT
# {'question': 'Sammy wanted to go to where the people were.  Where might he go?', 'question_concept': 'people',
#  'choices': {'label': ['A', ...], 'text': ['race track', 'populated areas', 'the desert', ...]}, 'answerKey': 'B'}
# No evaluation rows: 794 of its 1,221 validation questions are training rows of ECQA (see flan_mini_cot.py).
commonsense_qa = Task(
    name="commonsense_qa",
    cluster="commonsense",
    source=hub("tau/commonsense_qa"),
    example=lambda row: _lettered(row["question"], row),
    templates=[
        Template("{{ question }}"),
        Template("Use your common sense to answer. {{ question }}"),
        Template("{{ options }}\nQuestion: {{ question }}\nMost sensible answer:"),
        Template("What would most people reply to this?\n{{ options }}\nThe question: {{ question }}"),
        Template("{{ options }}\nQuiz master: {{ question }}\nContestant:"),
        Template('Write a question about everyday life that is answered by "{{ answer }}".', "{{ question }}", kind="inverted"),
    ],
    lineage=["commonsense_qa"],
    licence="MIT",
    link="https://huggingface.co/datasets/tau/commonsense_qa",
)


# https://huggingface.co/datasets/aps/super_glue (copa) · licence: BSD 2-clause
# {'premise': 'My body cast a shadow over the grass.', 'choice1': 'The sun was rising.', 'choice2': 'The grass was cut.',
#  'question': 'cause', 'idx': 0, 'label': 0}
def _copa(row):
    options = (row["choice1"], row["choice2"])
    fields = {"premise": row["premise"], "asked": row["question"], "one": options[0], "two": options[1]}
    return Example(fields, label(options)(row["label"]), options=options)


copa = Task(
    name="copa",
    cluster="commonsense",
    source=hub("aps/super_glue", "copa"),
    example=_copa,
    templates=[
        Template("{{ premise }} {{ 'Why did this happen?' if asked == 'cause' else 'What happened as a result?' }}"),
        Template("{{ options }}\nEvent: {{ premise }}\nMore likely {{ asked }}:"),
        Template("What is the likelier {{ asked }} of the event? Either: {{ one }} Or: {{ two }} Event: {{ premise }}"),
        Template("Continue with the {{ asked }}. {{ premise }} {{ 'This was because:' if asked == 'cause' else 'And so:' }}"),
        Template("Find the {{ asked }}.\n{{ options }}\nWhat took place: {{ premise }}"),
        Template(
            "{{ answer }} {{ 'What might this have led to?' if asked == 'cause' else 'What might have led to this?' }}",
            "{{ premise }}",
            kind="inverted",
        ),
    ],
    lineage=["copa"],
    evaluation="validation",
    licence="BSD 2-clause",
    link="https://huggingface.co/datasets/aps/super_glue",
)

# https://huggingface.co/datasets/ybisk/piqa · licence: AFL 3.0
# {'goal': "how do you check if you're pregnant?", 'sol1': 'feel your stomach', 'sol2': 'take a pregnancy test.', 'label': 1}
piqa = Task(
    name="piqa",
    cluster="commonsense",
    source=hub("ybisk/piqa", "plain_text"),
    example=lambda row: _choice(
        {"goal": row["goal"].strip()}, label((row["sol1"], row["sol2"]))(row["label"]), (row["sol1"], row["sol2"])
    ),
    templates=[
        Template("Goal: {{ goal }}\nHow is it done?"),
        Template("Which way of doing this will work? {{ goal }}"),
        Template("Household tips. Pick the tip that makes sense.\n{{ options }}\nWhat is wanted: {{ goal }}"),
        Template("{{ options }}\nAnn: I need help with this: {{ goal }}\nBen: What you do is this:"),
        Template('{{ options }}\nThe best instruction for "{{ goal }}" reads as follows:'),
        Template('What is someone trying to do who follows this advice? "{{ answer }}"', "{{ goal }}", kind="inverted"),
    ],
    lineage=["piqa"],
    train="validation[:80%]",
    evaluation="validation[80%:]",
    licence="AFL 3.0",
    link="https://huggingface.co/datasets/ybisk/piqa",
)


# https://huggingface.co/datasets/allenai/social_i_qa · licence: not stated
# {'context': 'Aubrey never told Riley the answer and Riley was angry.', 'question': 'How would you describe Aubrey?',
#  'answerA': 'rude', 'answerB': 'smug at knowing the answer', 'answerC': "annoyed at Riley's response", 'label': '1'}
def _social_i_qa(row):
    if row["label"] not in ("1", "2", "3"):
        raise SkipRow("no label")
    options = (row["answerA"], row["answerB"], row["answerC"])
    return _choice({"context": row["context"], "question": row["question"]}, options[int(row["label"]) - 1], options)


social_i_qa = Task(
    name="social_i_qa",
    cluster="commonsense",
    source=hub("allenai/social_i_qa"),
    example=_social_i_qa,
    templates=[
        Template("{{ context }} {{ question }}"),
        Template("{{ options }}\nSituation: {{ context }}\nQuestion: {{ question }}\nAnswer:"),
        Template("{{ question }} Here is what happened: {{ context }}"),
        Template("Think about the people in this story: {{ context }}\n{{ options }}\nNow answer: {{ question }}"),
        Template("{{ options }}\nAnn: {{ context }}\nBen: I see. {{ question }}\nAnn:"),
        Template(
            'A story goes: {{ context }} What could one ask about it, if the answer is "{{ answer }}"?',
            "{{ question }}",
            kind="inverted",
        ),
    ],
    lineage=["social_i_qa"],
    train="validation[:80%]",
    evaluation="validation[80%:]",
    licence="not stated",
    link="https://huggingface.co/datasets/allenai/social_i_qa",
)


# --- questions without a text ----------------------------------------------------------------------------------------
# https://huggingface.co/datasets/allenai/ai2_arc · licence: CC BY-SA 4.0
# {'question': 'Which factor will most likely cause a person to develop a fever?', 'answerKey': 'B', 'choices': {'text':
#  ['a leg muscle relaxing after exercise', 'a bacterial population in the bloodstream', ...], 'label': ['A', 'B', 'C', 'D']}}
def _arc(name, config, *templates):
    return Task(
        name=name,
        cluster="closed_book_qa",
        source=hub("allenai/ai2_arc", config),
        example=lambda row: _lettered(row["question"], row),
        templates=templates,
        lineage=["ai2_arc"],
        evaluation="test",
        licence="CC BY-SA 4.0",
        link="https://huggingface.co/datasets/allenai/ai2_arc",
    )


arc_easy = _arc(
    "arc_easy",
    "ARC-Easy",
    Template("{{ question }}"),
    Template("Science class. {{ question }}"),
    Template("Here is a question from a school test: {{ question }} What is the right answer?"),
    Template("Answer the question with one of the choices.\n{{ options }}\nQuestion: {{ question }}"),
    Template("{{ options }}\nTeacher: {{ question }}\nPupil:"),
    Template("Write a science question whose answer is: {{ answer }}", "{{ question }}", kind="inverted"),
)

arc_challenge = _arc(
    "arc_challenge",
    "ARC-Challenge",
    Template("{{ question }}"),
    Template("This exam question is a hard one: {{ question }}"),
    Template("{{ options }}\nExam item: {{ question }}\nSolution:"),
    Template("Which choice answers the question about nature or technology?\n{{ options }}\nIt reads: {{ question }}"),
    Template("What should a pupil tick here? {{ question }}"),
    Template(
        "For a hard science exam, pose a question that is answered like this: {{ answer }}", "{{ question }}", kind="inverted"
    ),
)

# https://huggingface.co/datasets/allenai/openbookqa (main) · licence: not stated
# {'question_stem': 'The sun is responsible for', 'choices': {'text': ['puppies learning new tricks', ...], 'label': [...]},
#  'answerKey': 'D'}   "all of these" occurs among the choices, but nothing that depends on their order
openbookqa = Task(
    name="openbookqa",
    cluster="closed_book_qa",
    source=hub("allenai/openbookqa", "main"),
    example=lambda row: _lettered(row["question_stem"], row),
    templates=[
        Template("{{ question }}"),
        Template("Answer the question, or finish the sentence: {{ question }}"),
        Template("{{ options }}\nElementary science: {{ question }}\nBest answer or ending:"),
        Template("Choose what fits best.\n{{ options }}\nIt should fit this: {{ question }}"),
        Template('Given the beginning "{{ question }}", what comes next or answers it?'),
        Template(
            "Write a question, or the start of a sentence, to which this is the right answer: {{ answer }}",
            "{{ question }}",
            kind="inverted",
        ),
    ],
    lineage=["openbookqa"],
    evaluation="test",
    licence="not stated",
    link="https://huggingface.co/datasets/allenai/openbookqa",
)

# https://huggingface.co/datasets/stanfordnlp/web_questions · licence: CC BY 4.0
# {'question': 'what is the name of justin bieber brother?', 'answers': ['Jazmyn Bieber', 'Jaxon Bieber']}
web_questions = Task(
    name="web_questions",
    cluster="closed_book_qa",
    source=hub("stanfordnlp/web_questions"),
    example=lambda row: Example({"question": row["question"].strip()}, tuple(row["answers"])),
    templates=[
        Template("{{ question }}"),
        Template("Answer from memory: {{ question }}"),
        Template("Q: {{ question }} A:"),
        Template("A user typed this into a search engine: {{ question }} The answer is"),
        Template("Trivia question: {{ question }}\nGive only the name, place, date or thing that is asked for."),
        Template("Which question does {{ answer }} answer?", "{{ question }}", kind="inverted"),
    ],
    lineage=["web_questions"],
    metrics=["exact_match", "token_f1"],
    evaluation="test",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/stanfordnlp/web_questions",
)

multiple_choice = Mixture(
    name="multiple_choice",
    parts=[piqa, social_i_qa, arc_easy, arc_challenge, openbookqa],
    rate=proportional(cap=3000),
    styles=StyleShares(few_shot=0.4, options=1.0, inverted=0.1),
)

questions = Mixture(
    name="questions",
    parts=[multirc, dream, boolq, commonsense_qa, copa, web_questions, multiple_choice],
    rate=proportional(cap=3000),
)
