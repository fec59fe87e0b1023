"""Multiple choice about stories and conversations: DREAM (T0), MCTest (a source of MultiRC and CoQA), CLUTRR.

Exams are in reading_exams.py. SciQ, which T0 counts here, is with the science questions.
"""

import ast
import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional


def _line(text):
    return " ".join(text.split())


def _choice(fields, answer, options):
    """A multiple-choice example; a row that offers one text twice is left out, since either would be right."""
    if len(set(options)) < len(options):
        raise SkipRow("two choices are the same")
    return Example(fields, answer, options=options)


# --- conversations ---------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/dataset-org/dream · licence: non-commercial research only
# {'id': 3, 'dialogue_id': '12-511', 'dialogue': ['M: Look at the girl on the bike!', "F: Oh, yes she's really a smart girl."],
#  'question': 'Where are the two persons?', 'choice': ['At home', 'In their classroom', 'On the street'],
#  'answer': 'On the street'}
def _dream(row):
    if any(re.search(r"\b[A-C] and [A-C]\b|\bof the above\b", text) for text in row["choice"]):
        raise SkipRow("a choice names the others by letter or place")
    question = re.sub(r"_{2,}", "____", _line(row["question"]))
    fields = {
        "dialogue": "\n".join(map(_line, row["dialogue"])),
        "question": question,
        "asks": question.endswith("?"),
        "opening": _line(row["dialogue"][0]),
    }
    return _choice(fields, _line(row["answer"]), tuple(map(_line, row["choice"])))


dream = Task(
    name="dream",
    cluster="reading_comprehension",
    source=hub("dataset-org/dream", revision="refs/convert/parquet"),
    example=_dream,
    templates=[
        Template("Conversation: {{ dialogue }}\nQuestion: {{ question }}", cue="Answer:", options="always"),
        Template("{{ question }} Find out from what these people say to each other.\n{{ dialogue }}", when="asks"),
        Template(
            "Listening test. You hear the following conversation once. {{ dialogue }}\nItem: {{ question }}\n"
            "Tick what is right.",
            options="always",
        ),
        Template(
            "You are on a train and cannot help hearing this: {{ dialogue }}\nWhat do you conclude? {{ question }}",
            when="asks",
        ),
        Template(
            "Transcript: {{ dialogue }}\nComplete the statement about it: {{ question }}", when="not asks", options="always"
        ),
        Template(
            "English lesson, unit on spoken language. The speakers do not always say directly what they mean. {{ question }}\n"
            "{{ options }}\nSpeakers: {{ dialogue }}",
            options="always",
        ),
        Template(
            "{{ dialogue }}\nThat was the whole dialogue. Now a short answer, please. {{ question }}",
            when="asks",
            options="never",
        ),
        Template(
            "Dialogue: {{ dialogue }}\nQuestion, or sentence to be completed: {{ question }}\n"
            "Two of the three choices are wrong ({{ choices | join(' / ') }}). Which one is right?"
        ),
        Template(
            "Subtitles of a scene: {{ dialogue }}\nViewer who fell asleep: {{ question }}",
            cue="Viewer who stayed awake:",
            options="never",
            when="asks",
        ),
        Template(
            "Work out where the speakers are, how they are related, what they want and what they will do. "
            "Then you can choose.\nTalk: {{ dialogue }}\nTo be answered or completed: {{ question }}",
            options="always",
        ),
        Template(
            "Make up a question about this dialogue for a listening test.\nThe right choice: {{ answer }}\n"
            "Dialogue: {{ dialogue }}",
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
            when="question not in dialogue",
        ),
        Template(
            "Write a conversation for a listening test, one turn after the other, that begins with the line given and settles "
            "the question.\nFirst line: {{ opening }}\nQuestion: {{ question }}\nAnswer: {{ answer }}",
            "{{ dialogue }}",
            kind="inverted",
            name="write_dialogue",
        ),
    ],
    lineage=["dream", "mutual"],  # a twelfth of its test dialogues recur in MuTual, from the same listening exams
    train="train",
    evaluation="test",
    long_fields=["dialogue"],
    licence="non-commercial research only",
    link="https://huggingface.co/datasets/dataset-org/dream",
)


# --- stories for children --------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/sagnikrayc/mctest · licence: Microsoft Research licence
# {'idx': {'story': 'mc500.train.0', 'question': 3}, 'question': 'What did Alyssa eat at the restaurant?',
#  'story': "Alyssa got to the beach after a long trip. She's from Charlotte. She traveled from Atlanta. ...",
#  'answer_options': {'A': 'steak', 'B': 'soup', 'C': 'salad', 'D': 'catfish'}, 'answer': 'D', 'question_is_multiple': True}
# question_is_multiple: whether more than one sentence is needed.
def _mctest_row(row):
    story = _line(row["story"].replace("\\newline", " ").replace("\\n", " "))
    if story.startswith('"') and story.endswith('"') and story.count('"') == 2:
        story = story[1:-1]
    question = _line(row["question"])
    options = {letter: _line(text) for letter, text in row["answer_options"].items()}
    fields = {
        "story": story,
        "question": question if question[-1:] in tuple("?.!") else f"{question}?",
        "several": row["question_is_multiple"],
    }
    return _choice(fields, options[row["answer"]], tuple(options.values()))


def _mctest(name, config):
    return Task(
        name=name,
        cluster="reading_comprehension",
        source=hub("sagnikrayc/mctest", config, revision="refs/convert/parquet"),
        example=_mctest_row,
        templates=[
            Template("{{ story }}\n{{ question }}"),
            Template("Story: {{ story }}\nQuestion for young readers: {{ question }}", cue="Answer:"),
            Template(
                "Listen, children: {{ story }}\nWho remembers? {{ question }} Raise your hand and say it in a few words.",
                options="never",
            ),
            Template(
                "You will not find this in a single sentence, so put two or three sentences of the story together. "
                "{{ question }}\nStory: {{ story }}",
                when="several",
            ),
            Template(
                "One sentence of the story is enough to answer this: {{ question }} Find it, and choose.\n{{ options }}\n"
                "Story: {{ story }}",
                when="not several",
                options="always",
            ),
            Template(
                "A seven-year-old has read the story below and has to circle one of the answers. Which should it be?\n"
                "Story: {{ story }}\nQuestion: {{ question }}",
                options="always",
            ),
            Template("Grandma, reading aloud: {{ story }}\nGrandma, closing the book: {{ question }}", cue="Child:"),
            Template(
                "{{ question }}\nYou can tell if you read what happened: {{ story }}",
            ),
            Template(
                'A worksheet asks "{{ question }}" and offers four answers ({{ choices | join(" / ") }}). Pupils who have '
                "understood the following tale cross out three of them. Which one do they keep?\nTale: {{ story }}"
            ),
            Template(
                "Bedtime story quiz. Everything you need to know is in the story; nothing has to be guessed.\n"
                "Story: {{ story }}\nQuiz: {{ question }}"
            ),
            Template(
                "Think of a question that a first reader could be asked about this story.\nIts answer: {{ answer }}\n"
                "Story: {{ story }}",
                "{{ question }}",
                kind="inverted",
                name="ask_for_answer",
            ),
            Template(
                "Write a simple story for young children. Someone who has heard it should be able to answer the question.\n"
                "Question: {{ question }}\nAnswer: {{ answer }}",
                "{{ story }}",
                kind="inverted",
                name="write_story",
            ),
        ],
        lineage=["mctest"],
        train="train",
        evaluation="test",
        long_fields=["story"],
        licence="Microsoft Research licence",
        link="https://huggingface.co/datasets/sagnikrayc/mctest",
    )


mctest_mc160 = _mctest("mctest_mc160", "mc160")
mctest_mc500 = _mctest("mctest_mc500", "mc500")


# --- families --------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/CLUTRR/v1 (gen_train234_test2to10) · licence: unknown
# {'id': '8a243e99-16f1-46b5-af23-a9377e5b4b70', 'story': '[Dale] took his brother [Wayne] to Las Vegas to go gambling. ...',
#  'query': "('June', 'Wayne')", 'target': 8, 'target_text': 'uncle', 'clean_story': '[Dale] made a pizza for his ...',
#  'proof_state': "[{('June', 'uncle', 'Wayne'): [('June', 'father', 'Dale'), ('Dale', 'brother', 'Wayne')]}]",
#  'f_comb': 'father-brother', 'task_name': 'task_1.2', 'story_edges': '[(0, 1), (1, 2)]',
#  'edge_types': "['father', 'brother']", 'query_edge': '(0, 2)', 'genders': 'June:female,Dale:male,Wayne:male',
#  'task_split': 'validation'}
# The target says what the second person of the query is to the first. The proof, read backwards, is the rationale.
_RELATIONS = (
    "aunt",
    "son-in-law",
    "grandfather",
    "brother",
    "sister",
    "father",
    "mother",
    "grandmother",
    "uncle",
    "daughter-in-law",
    "grandson",
    "granddaughter",
    "father-in-law",
    "mother-in-law",
    "nephew",
    "son",
    "daughter",
    "niece",
)


def _proof(text):
    """Returns "Dale is June's father and Wayne is Dale's brother, so Wayne is June's uncle." for each step of a proof."""

    def said(fact):
        first, relation, second = fact
        return f"{second} is {first}'s {relation}"

    steps = (next(iter(step.items())) for step in reversed(ast.literal_eval(text)))
    return " ".join(f"{' and '.join(map(said, given))}, so {said(shown)}." for shown, given in steps)


def _clutrr(row):
    first, second = ast.literal_eval(row["query"])
    fields = {"story": _line(re.sub(r"[\[\]]| (?=n't|'s\b)", "", row["story"])), "first": first, "second": second}
    return Example(fields, row["target_text"], options=_RELATIONS, rationale=_proof(row["proof_state"]))


clutrr = Task(
    name="clutrr",
    cluster="reading_comprehension",
    source=hub("CLUTRR/v1", "gen_train234_test2to10", revision="refs/convert/parquet"),
    example=_clutrr,
    templates=[
        Template(
            "{{ story }}\nIn what way is {{ second }} related to {{ first }}: as a sister, a nephew, a grandfather or "
            "something else?"
        ),
        Template(
            "Read about this family and complete the sentence below with a kinship term.\nFamily: {{ story }}\n"
            "Sentence: {{ second }} is {{ first }}'s ____"
        ),
        Template(
            "Draw the family tree in your mind. {{ story }}\n"
            '{{ first }} introduces {{ second }} to a friend. "This is my ..." Which family word comes next?'
        ),
        Template(
            "The text does not say what {{ second }} is to {{ first }}, but it can be worked out.\n{{ options }}\n"
            "Text: {{ story }}",
            options="always",
        ),
        Template(
            "Family puzzle: {{ story }}\nWhat is {{ second }} to {{ first }}: mother, uncle, granddaughter or something else? "
            "Give the one right term.",
            options="never",
        ),
        Template(
            "Facts: {{ story }}\nQuery: {{ second }} = X of {{ first }}. Find the relation X (father, aunt, son-in-law and so "
            "on).",
            cue="X =",
            options="never",
        ),
        Template(
            "Follow the chain of relatives from {{ first }} to {{ second }} in these lines, and name the link between the two "
            "ends of the chain.\nLines: {{ story }}",
            options="always",
        ),
        Template(
            "Lawyer: Somebody called {{ second }} says that they are related. How is {{ second }} related to {{ first }}?\n"
            "Neighbor: All I know is this. {{ story }}\n"
            "What does the lawyer note down? Reply with the term of kinship only.",
            options="never",
        ),
        Template(
            "Someone wonders: {{ second }} belongs to the family of {{ first }}, but as what? From among "
            "{{ choices | join(', ') }}, pick the relation that follows from the text.\nText: {{ story }}"
        ),
        Template(
            "Write a few sentences about members of a family. A careful reader should be able to work out that {{ second }} is "
            "the {{ answer }} of {{ first }}, though you do not say so.",
            "{{ story }}",
            kind="inverted",
            name="write_story",
        ),
        Template(
            "Explain, step by step, how it follows from the text that {{ second }} is the {{ answer }} of {{ first }}.\n"
            "Text: {{ story }}",
            "{{ rationale }}",
            kind="inverted",
            name="explain",
        ),
    ],
    lineage=["clutrr"],
    metrics=["accuracy", "macro_f1"],
    train="train",
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/CLUTRR/v1",
)

reading_multiple_choice = Mixture(
    name="reading_multiple_choice",
    parts=[dream, mctest_mc160, mctest_mc500, clutrr],
    rate=proportional(cap=3000),
)
