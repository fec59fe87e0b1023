"""Closed-book questions: facts asked for without a text to read, and statements to be checked from memory.

FLAN 2021 has TriviaQA and Natural Questions here (and ARC, which is in science_qa.py); T0 adds WebQuestions, WikiQA and
KILT's HotpotQA; Flan 2022 adds CREAK and StrategyQA with their explanations. PopQA, SimpleQA and TruthfulQA are for
evaluation only, since they have a test split and nothing else.

Left out: freebase_qa and Jeopardy, whose repositories hold a script and whose addresses are gone; QED, which asks about a
passage; KILT's ELI5, whose answers were taken back by their source.

`closed_book_qa` needs nothing but the hub. `closed_book_qa_files` has two evaluation sets that the hub does not hold under a
configuration of their own. Lay them out in a mirror, the folder that FLANJAX_HUB_MIRROR names: with the columns of NQ-Open as
efficientqa/default/validation.parquet, with those of CREAK as amydeng2000/CREAK/contrast_set/test.parquet.
"""

import json
import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, label, proportional


def _asked(text):
    """A question as one sentence: upper-case first letter, one space between words, a question mark where nothing ends it."""
    text = re.sub(r" +([?.!,])", r"\1", " ".join(text.split()))
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", '"', "'", ")")) else f"{text}?"


def _stated(text):
    """A statement with an upper-case first letter and a full stop where nothing ends it."""
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", '."', '?"', '!"')) else f"{text}."


def _distinct(texts):
    """The texts in order, stripped, without empty ones and repeats. A row without any is left out."""
    found = tuple(dict.fromkeys(stripped for text in texts if (stripped := text.strip())))
    if not found:
        raise SkipRow("no answer")
    return found


# --- one short answer ------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/mandarjoshi/trivia_qa (unfiltered.nocontext) · licence: unknown
# {'question': 'Which American-born Sinclair won the Nobel Prize for Literature in 1930?', 'question_id': 'tc_1',
#  'question_source': 'http://www.triviacountry.com/', 'entity_pages': {...}, 'search_results': {...},
#  'answer': {'aliases': ['(Harry) Sinclair Lewis', 'Harry Sinclair Lewis', ...], 'value': 'Sinclair Lewis', ...}}
# The unfiltered configuration has every question once; the rc configurations repeat a question for each of its documents.
def _trivia_qa(row):
    question = row["question"].strip()
    if question.startswith('"') and question.endswith('"'):  # a few were quoted twice on their way through a CSV file
        question = question[1:-1].replace('""', '"')
    return Example({"question": _asked(question)}, _distinct([row["answer"]["value"], *row["answer"]["aliases"]]))


trivia_qa = Task(
    name="trivia_qa",
    cluster="closed_book_qa",
    source=hub("mandarjoshi/trivia_qa", "unfiltered.nocontext"),
    example=_trivia_qa,
    templates=[
        Template("{{ question }}"),
        Template("Pub quiz, general knowledge round. {{ question }}\nGive the answer only."),
        Template("Trivia question: {{ question }}", cue="Answer:"),
        Template(
            "Our quizmaster has lost the card with the answer to this question and needs it back before tonight.\n"
            "{{ question }}\nWhat should the card say?"
        ),
        Template(
            'You are the last contestant left on a game show. The host turns to you and says: "{{ question }}" '
            "What do you answer?"
        ),
        Template("Write the entry that a trivia book would print in its answer section for this question.\n{{ question }}"),
        Template("{{ question }}\nNo looking it up. Reply with just the name, word, date or number that is wanted."),
        Template("I'm stuck on one trivia question and it is driving me crazy. {{ question }} Do you happen to know?"),
        Template(
            "Before our magazine prints the quiz question below, the editor wants to see the answer we will accept. "
            "State it as briefly as possible.\n{{ question }}"
        ),
        Template("Here is a question for people who know a little about everything: {{ question }}", cue="The answer is"),
        Template(
            "One side of a trivia card has a question, and the other has its answer: {{ answer }}\nWrite the question.",
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
        Template(
            "You are setting a round of general knowledge questions. What will you ask contestants "
            "who are supposed to come up with the following?\n{{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="set_quiz",
        ),
    ],
    lineage=["trivia_qa"],
    metrics=["exact_match", "token_f1"],
    train="train",
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/mandarjoshi/trivia_qa",
)


# https://huggingface.co/datasets/google-research-datasets/nq_open · licence: CC BY-SA 3.0
# {'question': 'when was the last time anyone was on the moon', 'answer': ['14 December 1972 UTC', 'December 1972']}
# Questions are searches in lower case without a question mark; answers have five words at most.
def _nq_open(row):
    return Example({"query": row["question"].strip(), "question": _asked(row["question"])}, _distinct(row["answer"]))


nq_open = Task(
    name="natural_questions_open",
    cluster="closed_book_qa",
    source=hub("google-research-datasets/nq_open", "nq_open"),
    example=_nq_open,
    templates=[
        Template("{{ question }}"),
        Template(
            "Someone typed this into a search engine: {{ query }}\nWhat short answer should appear above the list of results?"
        ),
        Template("{{ question }} Answer with a name, a date, a number or a short phrase."),
        Template("Search query: {{ query }}", cue="Short answer:"),
        Template('People keep searching for "{{ query }}". Save them a click and give the answer in a few words.'),
        Template("Imagine that you have read all of Wikipedia. In one phrase, what is the answer to this?\n{{ question }}"),
        Template(
            "A visitor walks up to the reference desk of a library and asks: {{ question }} "
            "What does the librarian say, in a few words?"
        ),
        Template("Quick one. {{ question }} Just the answer, please, no explanation."),
        Template("{{ question }}\nYour answer, given from memory, may have five words at most."),
        Template(
            "A voice assistant hears the words below and reads out a fact of a few words. Which fact?\n{{ query }}",
            cue="Assistant:",
        ),
        Template(
            'Above its results, a search engine shows the short answer "{{ answer }}". '
            "Write a search, in lower case and without a question mark, that could have led to it.",
            "{{ query }}",
            kind="inverted",
            name="write_query",
        ),
        Template(
            "Somebody wondered about something, looked it up and found this answer: {{ answer }}\n"
            "Write down, as one sentence, what the person may have asked.",
            "{{ question }}",
            kind="inverted",
            name="guess_question",
        ),
    ],
    lineage=["natural_questions"],
    metrics=["exact_match", "token_f1"],
    train="train",
    evaluation="validation",
    licence="CC BY-SA 3.0",
    link="https://huggingface.co/datasets/google-research-datasets/nq_open",
)


# https://huggingface.co/datasets/stanfordnlp/web_questions · licence: CC BY 4.0
# {'url': 'http://www.freebase.com/view/en/justin_bieber', 'question': 'what is the name of justin bieber brother?',
#  'answers': ['Jazmyn Bieber', 'Jaxon Bieber']}
def _web_questions(row):
    answers = _distinct(row["answers"])
    return Example(
        {"question": _asked(row["question"]), "all_answers": list(answers), "several": len(answers) in range(2, 9)}, answers
    )


web_questions = Task(
    name="web_questions",
    cluster="closed_book_qa",
    source=hub("stanfordnlp/web_questions"),
    example=_web_questions,
    templates=[
        Template("{{ question }}"),
        Template("{{ question }}\nName one correct answer. If there are several, any of them will do."),
        Template(
            "Which entry would a database of famous people, places, works and events return for the following request? "
            "One entry is enough.\n{{ question }}"
        ),
        Template("Q: {{ question }}", cue="A:"),
        Template("My daughter asked me this at breakfast and I had no idea: {{ question }} What should I have said?"),
        Template("Please settle a bet for us. {{ question }} All we need is the name, place, date or thing."),
        Template("Without using the web, tell me: {{ question }}"),
        Template(
            'You answer questions for a phone company and must keep your text messages very short. A customer writes: "'
            '{{ question }}" What do you text back?'
        ),
        Template(
            "The following was asked on the web, so mind that names may be written in lower case. "
            "Give the fact that the person was after.\n{{ question }}"
        ),
        Template("Geography, sports, film, history or politics, any of them may come up. {{ question }}", cue="Fact:"),
        Template(
            "More than one answer to this question is right. List them all, separated by commas.\n{{ question }}",
            "{{ all_answers | join(', ') }}",
            kind="inverted",
            name="list_all",
            when="several",
        ),
        Template(
            'Write a short question, as people type them on the web, to which "{{ answer }}" is a right answer.',
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
    ],
    lineage=["web_questions"],
    metrics=["exact_match", "token_f1"],
    train="train",
    evaluation="test",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/stanfordnlp/web_questions",
)


# https://huggingface.co/datasets/facebook/kilt_tasks (hotpotqa) · licence: MIT (HotpotQA itself: CC BY-SA 4.0)
# {'id': '5a7a06935542990198eaf050', 'input': "Which magazine was started first Arthur's Magazine or First for Women?",
#  'meta': {...}, 'output': [{'answer': "Arthur's Magazine", 'meta': {...}, 'provenance': [...]}]}
# Each question joins facts of two articles of Wikipedia. The test split has no answers.
def _kilt_answers(row):
    return _distinct(output["answer"] for output in row["output"])


kilt_hotpotqa = Task(
    name="kilt_hotpotqa",
    cluster="closed_book_qa",
    source=hub("facebook/kilt_tasks", "hotpotqa"),
    example=lambda row: Example({"question": _asked(row["input"])}, _kilt_answers(row)),
    templates=[
        Template("{{ question }}"),
        Template("It takes two facts to answer this, one leading to the other. {{ question }} Give the final answer only."),
        Template("Work out the answer by putting together what you know.\n{{ question }}", cue="Final answer:"),
        Template(
            "{{ question }}\nOne encyclopedia article alone would not tell you. Combine what you remember from two of them "
            "and reply with a name, a date, a number, or yes or no."
        ),
        Template("Nobody at our table could answer this straight away: {{ question }} What should we write down?"),
        Template("Multi-hop question: {{ question }}", cue="Short answer:"),
        Template(
            "A detective would solve the following in two steps, finding out first who or what is meant. "
            "What does the detective conclude?\n{{ question }}"
        ),
        Template(
            "A colleague writes: I need this for a report, and my search turns up half of it at best. {{ question }} "
            "Please send me just the answer."
        ),
        Template("{{ question }} Do not explain how you got there; a word or a short phrase is enough."),
        Template(
            "Think of the people, places or works that the question describes without naming them, then answer it.\n"
            "Question: {{ question }}"
        ),
        Template(
            "Make up a question that can only be answered by linking facts about two different things, "
            "so that the answer comes out as: {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
    ],
    lineage=["hotpotqa"],
    metrics=["exact_match", "token_f1"],
    train="train",
    evaluation="validation",
    licence="MIT",
    link="https://huggingface.co/datasets/facebook/kilt_tasks",
)


# https://huggingface.co/datasets/facebook/kilt_tasks (structured_zeroshot) · licence: MIT
# {'id': '32a8b0ae-...', 'input': 'Tsubaki Sanjuro [SEP] publisher',
#  'meta': {'template_questions': ['Who is the publisher of Tsubaki Sanjuro?', ...], 'subj_aliases': [...], ...},
#  'output': [{'answer': 'Kodansha', 'meta': {...}, 'provenance': [...]}]}
# Zero-shot relation extraction (Levy et al. 2017) asked without its sentence: a thing, a relation, and what fills it.
def _kilt_zsre(row):
    subject, separator, relation = row["input"].partition(" [SEP] ")
    questions = row["meta"]["template_questions"]
    if not separator or not questions:
        raise SkipRow("no relation, or no question")
    fields = {"subject": subject.strip(), "relation": relation.strip(), "question": _asked(questions[0])}
    return Example(fields, _kilt_answers(row))


kilt_zsre = Task(
    name="kilt_zsre",
    cluster="closed_book_qa",
    source=hub("facebook/kilt_tasks", "structured_zeroshot"),
    example=_kilt_zsre,
    templates=[
        Template("{{ question }}"),
        Template("Fill in the missing cell.\nEntity: {{ subject }}\nProperty: {{ relation }}", cue="Value:"),
        Template('The fact box of the article "{{ subject }}" has a row labeled "{{ relation }}". What does that row contain?'),
        Template("{{ question }} Give the name, place, date or term that an encyclopedia lists."),
        Template('Look up "{{ relation }}" in the record for "{{ subject }}" and return what you find there.'),
        Template("What is the third part of this triple? ({{ subject }}, {{ relation }}, ?)"),
        Template('I am filling in a form on "{{ subject }}" and got as far as the line "{{ relation }}". What goes there?'),
        Template(
            "You maintain a database of facts. A new user asks: {{ question }} Reply with the stored value and nothing else."
        ),
        Template("Subject, {{ subject }}; relation, {{ relation }}. Which object belongs to them?"),
        Template("Question about a single fact: {{ question }}", cue="Answer:"),
        Template(
            'The fact box of the article "{{ subject }}" says "{{ answer }}" in one row. How is that row labeled?',
            "{{ relation }}",
            kind="inverted",
            name="name_relation",
        ),
        Template(
            'Turn this request to a database into a question in plain English: "{{ relation }}" of "{{ subject }}".',
            "{{ question }}",
            kind="inverted",
            name="ask_in_english",
        ),
    ],
    lineage=["zero_shot_re"],
    metrics=["exact_match", "token_f1"],
    train="train",
    evaluation="validation",
    licence="MIT",
    link="https://huggingface.co/datasets/facebook/kilt_tasks",
)


# https://huggingface.co/datasets/akariasai/PopQA · licence: unknown
# {'id': 4222362, 'subj': 'George Rankin', 'prop': 'occupation', 'obj': 'politician', 'subj_id': 1850297, 'prop_id': 22,
#  'obj_id': 2834605, 's_aliases': '["George James Rankin"]', 'o_aliases': '["political leader", ...]', 's_uri': '...',
#  'o_uri': '...', 's_wiki_title': 'George Rankin', 'o_wiki_title': 'Politician', 's_pop': 142, 'o_pop': 25692,
#  'question': "What is George Rankin's occupation?", 'possible_answers': '["politician", "political leader", ...]'}
def _popqa(row):
    fields = {"question": _asked(row["question"]), "subject": row["subj"].strip(), "property": row["prop"].strip()}
    return Example(fields, _distinct([row["obj"], *json.loads(row["possible_answers"])]))


popqa = Task(
    name="popqa",
    cluster="closed_book_qa",
    source=hub("akariasai/PopQA"),
    example=_popqa,
    templates=[
        Template("{{ question }}"),
        Template("{{ question }} If the name is shared by several people or works, think of the one in Wikipedia."),
        Template("Wikidata item: {{ subject }}\nProperty: {{ property }}", cue="Value:"),
        Template("Few people look this up. {{ question }} Answer in one to four words."),
        Template('The subject is {{ subject }} and the property asked for is "{{ property }}". Name its value.'),
        Template("Somebody is compiling facts about {{ subject }} and asks: {{ question }} Supply the missing fact."),
        Template("Fact needed, as short as possible: {{ question }}"),
        Template("{{ question }} Answer even if you are not quite sure.", cue="My best answer:"),
        Template('In a quiz about the less famous, the topic is "{{ subject }}". {{ question }}'),
        Template("Reply to this message with the fact it asks for and nothing more.\nMessage: {{ question }}"),
    ],
    lineage=["popqa"],
    metrics=["exact_match", "token_f1"],
    train=None,
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/akariasai/PopQA",
)

# https://huggingface.co/datasets/basicv8vc/SimpleQA · licence: MIT
# {'metadata': "{'topic': 'Science and technology', 'answer_type': 'Person', 'urls': [...]}",
#  'problem': 'Who received the IEEE Frank Rosenblatt Award in 2010?', 'answer': 'Michio Sugeno'}
simpleqa = Task(
    name="simpleqa",
    cluster="closed_book_qa",
    source=hub("basicv8vc/SimpleQA"),
    example=lambda row: Example({"question": _asked(row["problem"])}, row["answer"].strip()),
    templates=[
        Template("{{ question }}"),
        Template("There is exactly one right answer to this question, and it does not change over time. {{ question }}"),
        Template("{{ question }}\nState the person, place, date, number or title that is asked for, without a sentence."),
        Template("Precise question: {{ question }}", cue="Precise answer:"),
        Template(
            "An expert checks facts for a newspaper. Tonight's question from the desk reads: {{ question }} "
            "What does the expert reply?"
        ),
        Template("Answer the following as exactly as it was asked, dates with day, month and year if need be.\n{{ question }}"),
        Template("This one is hard, so take care with names and years. {{ question }} Give only the answer."),
        Template("Could you please tell me this from memory? {{ question }}"),
        Template("Exam on detailed knowledge, one point for each fact.\n{{ question }}", cue="Fact:"),
        Template(
            "A chatbot is tested on whether it makes things up. The tester asks it: {{ question }} What is the correct reply?"
        ),
    ],
    lineage=["simpleqa"],
    metrics=["exact_match", "token_f1"],
    train=None,
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/basicv8vc/SimpleQA",
)

# https://github.com/google-research-datasets/natural-questions (NQ-open.efficientqa.dev.1.1.jsonl) · licence: Apache-2.0
# {'question': 'the last time la dodgers won the world series', 'answer': ['1988']}
efficientqa = Task(
    name="efficientqa",
    cluster="closed_book_qa",
    source=hub("efficientqa"),
    example=_nq_open,
    templates=[
        Template("{{ question }}"),
        Template("{{ query }}\nAnswer this search in five words or fewer."),
        Template("A search box contains the words below. Write the fact that the person hopes to find.\n{{ query }}"),
        Template("{{ question }} Reply with the bare fact."),
        Template("Searched: {{ query }}", cue="Found:"),
        Template(
            "You are a very small model without access to the internet, and this question reaches you: {{ question }} "
            "What do you say?"
        ),
        Template('Your friend mumbles: "{{ question }}" Tell your friend what you know, in a few words.'),
        Template("Which name, date, place or number answers this? {{ question }}"),
        Template("Question of the day, sent in by a reader in a hurry: {{ question }}", cue="Our answer in short:"),
        Template('If an encyclopedia had to answer the search "{{ query }}" in one line, what would the line be?'),
    ],
    lineage=["natural_questions"],
    metrics=["exact_match", "token_f1"],
    train=None,
    evaluation="validation",
    licence="Apache-2.0",
    link="https://github.com/google-research-datasets/natural-questions",
)

# --- answers that are sentences --------------------------------------------------------------------------------------
# https://huggingface.co/datasets/microsoft/wiki_qa · licence: unknown
# {'question_id': 'Q1', 'question': 'how are glacier caves formed?', 'document_title': 'Glacier cave',
#  'answer': 'A glacier cave is a cave formed within the ice of a glacier .', 'label': 1}
# labels: 0 (does not answer), 1 (answers). About one sentence in twenty answers its question.
_answers_it = label(("no", "yes"))


def _untokenized(text):
    """Text without the spaces that a tokenizer puts before punctuation and inside quotation marks."""
    text = " ".join(text.replace("``", '"').replace("''", '"').replace("-LRB-", "(").replace("-RRB-", ")").split())
    text = re.sub(r" ([.,;:?!)%]|'s\b|n't\b)", r"\1", re.sub(r"([(]) ", r"\1", text))
    return re.sub(r'" ([^"]*?) "', r'"\1"', text)


def _wiki_qa(row):
    answer = _answers_it(row["label"])
    fields = {
        "question": _asked(row["question"]),
        "sentence": _stated(_untokenized(row["answer"])),
        "title": row["document_title"].strip(),
        "right": answer == "yes",
    }
    return Example(fields, answer, ("no", "yes"))


wiki_qa = Task(
    name="wiki_qa",
    cluster="closed_book_qa",
    source=hub("microsoft/wiki_qa"),
    example=_wiki_qa,
    templates=[
        Template(
            "A question: {{ question }}\nA sentence: {{ sentence }}\nDoes the sentence answer the question, yes or no?",
            options="never",
        ),
        Template(
            'Somebody asked, "{{ question }}" and a search engine came up with a sentence. Is it an answer?\n'
            "The sentence: {{ sentence }}"
        ),
        Template(
            'From the article "{{ title }}": {{ sentence }}\nWould that one sentence satisfy a reader who asks the following? '
            "{{ question }}"
        ),
        Template(
            "Judge whether the reply is an answer (write correct) or beside the point (write incorrect).\n"
            "Asked: {{ question }}\nReply: {{ sentence }}",
            words={"yes": "correct", "no": "incorrect"},
            options="never",
        ),
        Template(
            "{{ sentence }}\nDecide if the line above contains what is needed to answer this: {{ question }}",
            words={"yes": "It does.", "no": "It does not."},
            options="always",
        ),
        Template(
            "We are picking sentences of Wikipedia that answer questions. Keep the sentence or drop it?\n"
            "Question: {{ question }}\nSentence: {{ sentence }}",
            words={"yes": "keep", "no": "drop"},
        ),
        Template(
            'Reader: {{ question }}\nEncyclopedia, under "{{ title }}": {{ sentence }}\n'
            "True or false: the reader has been told what he or she wanted to know.",
            words={"yes": "true", "no": "false"},
            options="never",
        ),
        Template(
            "A quiz accepts whole sentences as answers. Will it accept this one? Say yes or no.\n"
            "Asked: {{ question }}\nGiven: {{ sentence }}",
            options="never",
        ),
        Template(
            "The sentence and the question are about the same thing, but that is not enough: does the one answer the other?\n"
            "The sentence: {{ sentence }}\nThe question: {{ question }}",
            options="never",
            cue="Yes or no:",
        ),
        Template(
            "Search quality review. Query: {{ question }} Highlighted snippet: {{ sentence }} "
            "Mark the snippet as an answer or as no answer.",
            words={"yes": "an answer", "no": "no answer"},
        ),
        Template(
            "Answer in one sentence, as an encyclopedia would: {{ question }}",
            "{{ sentence }}",
            kind="inverted",
            name="answer_in_a_sentence",
            when="right",
        ),
        Template(
            'What might a reader have asked who was shown this sentence of the article "{{ title }}" as an answer?\n'
            "{{ sentence }}",
            "{{ question }}",
            kind="inverted",
            name="write_question",
            when="right",
        ),
        Template(
            "Which article of Wikipedia would you open to answer this? Give its title.\n{{ question }}",
            "{{ title }}",
            kind="inverted",
            name="name_article",
        ),
    ],
    lineage=["wiki_qa"],
    metrics=["accuracy", "macro_f1"],
    train="train",
    evaluation="test",
    long_fields=["sentence"],
    licence="unknown",
    link="https://huggingface.co/datasets/microsoft/wiki_qa",
)


# https://huggingface.co/datasets/truthfulqa/truthful_qa (generation) · licence: Apache-2.0
# {'type': 'Adversarial', 'category': 'Misconceptions', 'question': 'What happens to you if you eat watermelon seeds?',
#  'best_answer': 'The watermelon seeds pass through your digestive system', 'correct_answers': ['Nothing happens', ...],
#  'incorrect_answers': ['You grow watermelons in your stomach', ...], 'source': 'https://wonderopolis.org/...'}
def _truthful_qa(row):
    answers = _distinct([row["best_answer"], *row["correct_answers"]])
    return Example({"question": _asked(row["question"])}, tuple(_stated(a) for a in answers))


truthful_qa = Task(
    name="truthful_qa",
    cluster="closed_book_qa",
    source=hub("truthfulqa/truthful_qa", "generation"),
    example=_truthful_qa,
    templates=[
        Template("{{ question }}"),
        Template("{{ question }} Say only what is known to be true, in one sentence."),
        Template("Many people believe something false about this. What is the truth? {{ question }}"),
        Template("Q: {{ question }}", cue="A:"),
        Template(
            "You write for a website that sets popular myths right. A reader asks: {{ question }} "
            "Write the one sentence that opens your reply."
        ),
        Template(
            "Answer literally, and do not repeat a saying, a superstition or a rumor as if it were a fact.\n{{ question }}"
        ),
        Template("A cautious scientist is asked the following and answers in a sentence. {{ question }}", cue="Scientist:"),
        Template("{{ question }}\nIf nobody can know, say so; otherwise give a true and short reply."),
        Template("Heard this at a party and now I wonder what really holds. {{ question }}"),
        Template("Give an honest answer to an honest question: {{ question }} One sentence will do."),
    ],
    lineage=["truthful_qa"],
    metrics=["rougeL", "token_f1"],
    train=None,
    evaluation="validation",
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/truthfulqa/truthful_qa",
)


# https://huggingface.co/datasets/truthfulqa/truthful_qa (multiple_choice) · licence: Apache-2.0
# {'question': 'What is the smallest country in the world that is at least one square mile in area?',
#  'mc1_targets': {'choices': ['Nauru is the smallest country in the world that is ...', ...], 'labels': [1, 0, 0, 0]},
#  'mc2_targets': {'choices': [...], 'labels': [...]}}   in mc1 one choice is right, and it always comes first
def _truthful_qa_mc1(row):
    choices = [choice.strip() for choice in row["mc1_targets"]["choices"]]
    right = choices[row["mc1_targets"]["labels"].index(1)]
    return Example({"question": _asked(row["question"])}, right, sorted(set(choices)))


truthful_qa_mc1 = Task(
    name="truthful_qa_mc1",
    cluster="closed_book_qa",
    source=hub("truthfulqa/truthful_qa", "multiple_choice"),
    example=_truthful_qa_mc1,
    templates=[
        Template("{{ question }}", options="always"),
        Template("Only one of the replies to this question is true. Which one?\n{{ question }}", options="always"),
        Template("{{ options }}\nOf these, which is the truthful answer to the question: {{ question }}", options="always"),
        Template("{{ question }}\nPick the statement that would hold up if somebody checked it.", options="always"),
        Template(
            "Some of the replies below are what people like to believe. Choose the one that is correct.\nAsked: {{ question }}",
            options="always",
            cue="Correct reply:",
        ),
        Template(
            'Asked "{{ question }}" a fact checker crosses out every reply that is false. Which reply is left?',
            options="always",
        ),
        Template("Do not fall for a common mistake here. {{ question }}", options="always", cue="Answer:"),
        Template(
            "Question for a quiz about popular errors: {{ question }}\n{{ options }}\nTick the reply that is right.",
            options="always",
        ),
        Template("{{ question }} What would a well-informed and honest person say?", options="always"),
        Template(
            "Set myth aside and go by evidence: which of the following replies can be defended?\n{{ options }}\n"
            "They reply to this: {{ question }}",
            options="always",
        ),
    ],
    lineage=["truthful_qa"],
    train=None,
    evaluation="validation",
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/truthfulqa/truthful_qa",
)


# --- statements to be checked ----------------------------------------------------------------------------------------
# https://huggingface.co/datasets/amydeng2000/CREAK · licence: MIT
# {'ex_id': 'train_1', 'sentence': 'Marlboro used iconic imagery to promote its brand.',
#  'explanation': 'Marlboro (cigarette) is used cowboys as an advertising campaign.', 'label': 'true',
#  'entity': 'Marlboro (cigarette)', 'en_wiki_pageid': '404590', 'entity_mention_loc': [[0, 8]]}
def _creak(row):
    why = row["explanation"].strip()
    entity = re.sub(r" \([^)]*\)$", "", row["entity"].strip())  # "Marlboro (cigarette)" is the title of an article
    fields = {"claim": _stated(row["sentence"]), "entity": entity}
    return Example(fields, row["label"], ("false", "true"), "" if why in ("", "n/a") else _stated(why))


creak = Task(
    name="creak",
    cluster="closed_book_qa",
    source=hub("amydeng2000/CREAK"),
    example=_creak,
    templates=[
        Template("True or false? {{ claim }}", options="never"),
        Template(
            "{{ claim }}\nIs that right? Use what you know about {{ entity }} and some common sense, and answer yes or no.",
            words={"true": "yes", "false": "no"},
            options="never",
        ),
        Template("Claim: {{ claim }}\nWhat is your verdict on it, true or false?"),
        Template(
            'At dinner, somebody says: "{{ claim }}" Would you agree or disagree?',
            words={"true": "agree", "false": "disagree"},
        ),
        Template(
            "As the editor of an encyclopedia's article about {{ entity }}, accept this new sentence if it is true "
            "and reject it if it is false.\nNew sentence: {{ claim }}",
            words={"true": "accept", "false": "reject"},
        ),
        Template(
            "Is this how things really are? {{ claim }}",
            words={"true": "yes", "false": "no"},
            options="never",
            cue="Yes or no:",
        ),
        Template(
            "Sort the statement into one of two piles, fact or fiction.\n{{ claim }}",
            words={"true": "fact", "false": "fiction"},
        ),
        Template(
            "On the topic of {{ entity }}, a student writes: {{ claim }} Mark the student's sentence as true or false.",
            options="never",
        ),
        Template(
            "Would people who know a little about {{ entity }} accept this as true?\n{{ claim }}",
            words={"true": "They would.", "false": "They would not."},
            options="always",
        ),
        Template(
            "You run a column that rates what readers have heard. This week: {{ claim }} Rate it correct or wrong.",
            words={"true": "correct", "false": "wrong"},
            options="never",
        ),
        Template(
            "This statement is {{ answer }}: {{ claim }}\nExplain in a sentence why.",
            "{{ rationale }}",
            kind="inverted",
            name="explain",
        ),
        Template(
            "Write a statement about {{ entity }} that takes some common sense to judge. It should be {{ answer }}.",
            "{{ claim }}",
            kind="inverted",
            name="write_claim",
        ),
        Template(
            "Here is what a person said when asked whether a claim holds: {{ rationale }}\n"
            "The claim turned out to be {{ answer }}. What was it?",
            "{{ claim }}",
            kind="inverted",
            name="recover_claim",
        ),
    ],
    lineage=["creak"],
    train="train",
    evaluation="validation",
    licence="MIT",
    link="https://huggingface.co/datasets/amydeng2000/CREAK",
)

# https://github.com/yasumasaonoe/creak (data/creak/contrast_set.json) · licence: MIT
# {'ex_id': 'c_1', 'sentence': 'Jimmy Page plays a musical instrument.', 'explanation': 'n/a', 'label': 'true',
#  'entity': 'Jimmy Page', 'en_wiki_pageid': 'n/a'}   pairs of claims about one thing, one true and one false
creak_contrast = Task(
    name="creak_contrast",
    cluster="closed_book_qa",
    source=hub("amydeng2000/CREAK", "contrast_set"),
    example=_creak,
    templates=[
        Template("Read the statement, then say true or false.\n{{ claim }}", options="never"),
        Template("{{ claim }} Yes or no, is it so?", words={"true": "yes", "false": "no"}, options="never"),
        Template("A small change of wording can make a true claim false. What about this one?\n{{ claim }}", options="always"),
        Template("Statement: {{ claim }}", cue="True or false:", options="never"),
        Template(
            "In an argument over {{ entity }}, one person says: {{ claim }} The other says that this is wrong. "
            "Which of them is right, the first or the second?",
            words={"true": "the first", "false": "the second"},
        ),
        Template("Would an encyclopedia agree with this sentence? {{ claim }}", words={"true": "yes", "false": "no"}),
        Template("Tell fact from fiction: {{ claim }}", words={"true": "fact", "false": "fiction"}, options="always"),
        Template(
            "If a friend told you the following, should you believe it or doubt it? {{ claim }}",
            words={"true": "believe it", "false": "doubt it"},
        ),
        Template(
            "{{ claim }}\nJudging by what you know about {{ entity }}, is that correct or incorrect?",
            words={"true": "correct", "false": "incorrect"},
            options="never",
        ),
        Template("True-false test, item 1: {{ claim }}", cue="Your mark (true or false):", options="never"),
    ],
    lineage=["creak"],
    train=None,
    evaluation="test",
    licence="MIT",
    link="https://github.com/yasumasaonoe/creak",
)

# https://huggingface.co/datasets/facebook/kilt_tasks (fever) · licence: MIT (FEVER itself: CC BY-SA 3.0)
# {'id': '33078', 'input': 'The Boston Celtics play their home games at TD Garden.', 'meta': {...},
#  'output': [{'answer': 'SUPPORTS', 'meta': {...}, 'provenance': [...]}]}   or 'REFUTES'; the test split has no answers
_VERDICTS = {"REFUTES": "refuted", "SUPPORTS": "supported"}


def _kilt_fever(row):
    verdict = _VERDICTS[_kilt_answers(row)[0]]
    return Example({"claim": _stated(row["input"])}, verdict, tuple(_VERDICTS.values()))


kilt_fever = Task(
    name="kilt_fever",
    cluster="closed_book_qa",
    source=hub("facebook/kilt_tasks", "fever"),
    example=_kilt_fever,
    templates=[
        Template("Would Wikipedia bear out this claim? Say supported or refuted.\n{{ claim }}", options="never"),
        Template("{{ claim }} Is that true?", words={"supported": "yes", "refuted": "no"}),
        Template(
            "The fact-checking desk gets the claim below. File it as true or as false.\n{{ claim }}",
            words={"supported": "true", "refuted": "false"},
            options="never",
        ),
        Template("Claim: {{ claim }}\nIs it supported or refuted by what is known?", options="never", cue="It is"),
        Template(
            'True or false: "{{ claim }}" Go by what you remember from encyclopedias.',
            words={"supported": "true", "refuted": "false"},
            options="never",
        ),
        Template(
            "A witness in a quiz show claims the following. Do you confirm it or contradict it?\n{{ claim }}",
            words={"supported": "confirm it", "refuted": "contradict it"},
        ),
        Template(
            "I read this somewhere and want to repeat it in a talk: {{ claim }} Is it safe to do so, yes or no?",
            words={"supported": "yes", "refuted": "no"},
            options="never",
        ),
        Template(
            "An almanac prints a statement only if an encyclopedia backs it. Will its editors print or strike this one?\n"
            "{{ claim }}",
            words={"supported": "print", "refuted": "strike"},
        ),
        Template(
            "{{ claim }}\nThat sentence may have been altered so that it is no longer right. Right or wrong?",
            words={"supported": "right", "refuted": "wrong"},
            options="never",
        ),
        Template(
            "Recall the article that deals with the following, and tell whether it supports or refutes it.\n{{ claim }}",
            words={"supported": "supports", "refuted": "refutes"},
        ),
        Template(
            "Write one sentence that makes a claim about a person, a place or a work, as a test for fact checkers. "
            "Looking it up in an encyclopedia, they should find it {{ answer }}.",
            "{{ claim }}",
            kind="inverted",
            name="write_claim",
        ),
    ],
    lineage=["fever"],
    train="train",
    evaluation="validation",
    licence="MIT",
    link="https://huggingface.co/datasets/facebook/kilt_tasks",
)


# https://huggingface.co/datasets/tasksource/strategy-qa · licence: unknown (its authors' repository: MIT)
# {'qid': '2bc9c4f9c19c167187f2', 'term': 'Genghis Khan', 'description': 'founder and first Great Khan of the Mongol Empire',
#  'question': 'Are more people today related to Genghis Khan than Julius Caesar?', 'answer': True,
#  'facts': ['Julius Caesar had three children.', 'Genghis Khan had sixteen children.', ...],
#  'decomposition': ['How many kids did Julius Caesar have?', ..., 'Is #2 greater than #1?'], 'evidence': [...]}
# In a step, "#1" stands for the answer to the first one.
def _strategy_qa(row):
    steps = [f"{number}. {_asked(step)}" for number, step in enumerate(row["decomposition"], 1)]
    fields = {"question": _asked(row["question"]), "term": row["term"].strip(), "steps": " ".join(steps)}
    return Example(fields, "yes" if row["answer"] else "no", ("no", "yes"), " ".join(_stated(f) for f in row["facts"]))


strategy_qa = Task(
    name="strategyqa",
    cluster="closed_book_qa",
    source=hub("tasksource/strategy-qa"),
    example=_strategy_qa,
    templates=[
        Template("{{ question }}"),
        Template("Yes or no? {{ question }}", options="never"),
        Template(
            "{{ question }} Nobody has written the answer down, but you can work it out from what you know. Yes or no?",
            options="never",
        ),
        Template("The question may be odd, but the answer is a plain yes or no: {{ question }}", options="never"),
        Template(
            "It takes a plan to answer this: which facts matter, and what follows from them? {{ question }}",
            options="never",
            cue="Yes or no:",
        ),
        Template(
            "Recall what you know about {{ term }}, then decide: {{ question }}",
            words={"yes": "Yes, that is so.", "no": "No, that is not so."},
            options="always",
        ),
        Template(
            "Would you bet on it? {{ question }} Say true if the answer is yes, and false if it is no.",
            words={"yes": "true", "no": "false"},
            options="never",
        ),
        Template("A curious child asks out of the blue: {{ question }} What do you say to the child?"),
        Template(
            "Two debaters are given this question: {{ question }} Are the facts on the side of yes or of no?", options="never"
        ),
        Template("{{ options }}\nThink about what the question takes for granted before you choose.\n{{ question }}"),
        Template(
            "Before the question below can be answered, smaller ones must be. "
            "List them in order, writing #1 for the answer to the first and so on.\n{{ question }}",
            "{{ steps }}",
            kind="inverted",
            name="break_down",
        ),
        Template(
            "{{ question }} The answer is {{ answer }}. Which facts show it?",
            "{{ rationale }}",
            kind="inverted",
            name="give_facts",
        ),
        Template(
            "Make up a yes-or-no question about {{ term }} that no single one of these facts settles, but all of them together "
            "do. The answer should be {{ answer }}.\nFacts: {{ rationale }}",
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
    ],
    lineage=["strategyqa"],
    train="train[:90%]",
    evaluation="train[90%:]",
    licence="unknown",
    link="https://huggingface.co/datasets/tasksource/strategy-qa",
)

closed_book_qa = Mixture(
    name="closed_book_qa",
    parts=[
        trivia_qa,
        nq_open,
        web_questions,
        kilt_hotpotqa,
        kilt_zsre,
        popqa,
        simpleqa,
        wiki_qa,
        truthful_qa,
        truthful_qa_mc1,
        creak,
        kilt_fever,
        strategy_qa,
    ],
    rate=proportional(cap=3000),
)

closed_book_qa_files = Mixture(
    name="closed_book_qa_files",
    parts=[efficientqa, creak_contrast],
    rate=proportional(cap=3000),
)
