"""Reading comprehension over longer or several texts: two articles, the plot of a film, the summary of a book, an abstract.

HotpotQA, WikiHop and DuoRC are among T0's; NarrativeQA and PubMedQA are in promptsource.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional


def _line(text):
    return " ".join(text.split())


def _paragraphs(text):
    """Returns the text with a single line break between paragraphs."""
    return "\n".join(line for line in map(_line, text.splitlines()) if line)


def _question(text):
    """Returns the question on one line, with a capital and with a question mark if it ends in no mark at all."""
    text = _line(text)
    text = text[:1].upper() + text[1:]
    return text if text[-1:] in tuple("?.!:") else f"{text}?"


def _distinct(texts):
    return tuple(dict.fromkeys(text for text in map(_line, texts) if text))


# --- several articles ----------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/hotpotqa/hotpot_qa · licence: CC BY-SA 4.0
# {'id': '5a7a06935542990198eaf050', 'question': "Which magazine was started first Arthur's Magazine or First for Women?",
#  'answer': "Arthur's Magazine", 'type': 'comparison', 'level': 'medium',
#  'supporting_facts': {'title': ["Arthur's Magazine", 'First for Women'], 'sent_id': [0, 0]},
#  'context': {'title': ['Radio City (Indian radio station)', ...], 'sentences': [['Radio City is ...'], ...]}}
# Of the ten articles only those two are kept that hold the supporting facts: all ten would fill most inputs.
def _hotpot_qa(row):
    wanted = set(row["supporting_facts"]["title"])
    articles = [
        f"{title}: {_line(''.join(sentences))}"
        for title, sentences in zip(row["context"]["title"], row["context"]["sentences"], strict=True)
        if title in wanted
    ]
    if len(articles) != 2:
        raise SkipRow("not two supporting articles")
    fields = {
        "question": _question(row["question"]),
        "articles": "\n".join(articles),
        "comparison": row["type"] == "comparison",
    }
    return Example(fields, _line(row["answer"]))


hotpot_qa = Task(
    name="hotpot_qa",
    cluster="reading_comprehension",
    source=hub("hotpotqa/hotpot_qa", "distractor", revision="refs/convert/parquet"),
    example=_hotpot_qa,
    templates=[
        Template(
            "Combine what the two articles say to answer the question.\nArticles: {{ articles }}\nQuestion: {{ question }}",
            cue="Answer:",
        ),
        Template("{{ question }}\nThe answer takes two steps, one article for each. {{ articles }}"),
        Template(
            "{{ articles }}\nNeither of these texts gives the whole answer by itself. Put them together and reply with a name, "
            "a number, a date, or yes or no: {{ question }}"
        ),
        Template(
            "Compare the two subjects described here and settle the question in a word or two.\n"
            "Question: {{ question }}\nSubjects: {{ articles }}",
            when="comparison",
        ),
        Template(
            "One article leads to the other. Follow the connection and tell me: {{ question }}\nReading: {{ articles }}",
            when="not comparison",
        ),
        Template(
            "Two browser tabs are open.\nTabs: {{ articles }}\nNote to self, still to be looked up: {{ question }}",
            cue="Found:",
        ),
        Template(
            'Quiz master: "{{ question }}"\nYour team may consult these pages of an encyclopedia: {{ articles }}\n'
            "What does your team answer? Keep it as short as a quiz answer should be."
        ),
        Template("Multi-step reading. Sources: {{ articles }}\nAsked: {{ question }}", cue="Conclusion:"),
        Template(
            "Student: My teacher wants to know this. {{ question }}\n"
            "Librarian: These two entries will help. {{ articles }}\n"
            "Student: Now I see.",
            cue="The answer must be",
        ),
        Template(
            "Answer from the encyclopedia entries, without explaining how you got there. {{ question }}\n"
            "Entries: {{ articles }}"
        ),
        Template(
            'Think of a question whose answer is "{{ answer }}" and which nobody could answer after reading only one of these '
            "two articles.\nArticles: {{ articles }}",
            "{{ question }}",
            kind="inverted",
            name="ask_two_steps",
        ),
    ],
    lineage=["hotpot_qa"],
    metrics=["exact_match", "token_f1"],
    train="train",
    evaluation="validation",
    long_fields=["articles"],
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/hotpotqa/hotpot_qa",
)


# https://huggingface.co/datasets/community-datasets/qangaroo (wikihop) · licence: unknown
# {'query': 'participant_of juan rossell', 'supports': ['The 2004 Summer Olympic Games, officially known as the Games of ...'],
#  'candidates': ['1996 summer olympics', 'olympic games', 'sport'], 'answer': '1996 summer olympics', 'id': 'WH_train_0'}
# A query is a relation of Wikidata and its subject. T0 knew the set as wiki_hop (original), whose column `question` is `query`.
def _wiki_hop(row):
    relation, _, subject = _line(row["query"]).partition(" ")
    if not subject:
        raise SkipRow("a query without a subject")
    fields = {
        "relation": relation.replace("_", " "),
        "subject": subject,
        "texts": "\n".join(f"[{number}] {_line(text)}" for number, text in enumerate(row["supports"], 1)),
    }
    return Example(fields, _line(row["answer"]), options=_distinct(row["candidates"]))


wiki_hop = Task(
    name="wiki_hop",
    cluster="reading_comprehension",
    source=hub("community-datasets/qangaroo", "wikihop"),
    example=_wiki_hop,
    templates=[
        Template(
            "Texts: {{ texts }}\nA database has to be filled from these texts.\nSubject: {{ subject }}\n"
            "Property: {{ relation }}\nWhich value belongs to this property?"
        ),
        Template(
            'Find the object of the fact "{{ subject }}, {{ relation }}, ..." by going from one extract to the next.\n'
            "Extracts: {{ texts }}",
            cue="Object:",
        ),
        Template(
            "In an encyclopedia's fact box about {{ subject }}, the line for {{ relation }} is empty. What should it say?\n"
            "{{ options }}\nPages that mention the subject or something connected with it: {{ texts }}",
            options="always",
        ),
        Template(
            "{{ texts }}\nNo single one of these passages says it, but together they do: which entry belongs to {{ subject }} "
            'under "{{ relation }}"?',
            options="always",
        ),
        Template(
            "You know about {{ subject }} only what the numbered passages tell. Choose the entry for the heading "
            '"{{ relation }}".\nPassages: {{ texts }}',
            options="always",
        ),
        Template(
            "Relation: {{ relation }}\nFirst argument: {{ subject }}\nSupporting documents: {{ texts }}",
            cue="Second argument:",
            options="always",
        ),
        Template(
            "A librarian fills in index cards from clippings. The card for {{ subject }} asks for this: {{ relation }}. "
            "What does the librarian write, if the clippings are the following?\nClippings: {{ texts }}"
        ),
        Template(
            'One candidate stands to {{ subject }} in the relation called "{{ relation }}". Which one, by the evidence?\n'
            "Candidates: {{ choices | join(' / ') }}\nEvidence: {{ texts }}"
        ),
        Template(
            "Begin with the passage on {{ subject }}, note what it is linked to, look that up in the others, and stop when you "
            'can say what goes under "{{ relation }}".\nPassages: {{ texts }}',
            options="always",
        ),
        Template(
            "Multi-hop question, in short form: {{ subject }} + {{ relation }} = what?\nReading matter: {{ texts }}",
            options="always",
        ),
        Template(
            'According to these texts, which thing or person has "{{ answer }}" as the value of the property '
            '"{{ relation }}"?\nTexts: {{ texts }}',
            "{{ subject }}",
            kind="inverted",
            name="find_subject",
        ),
        Template(
            "In which relation of an encyclopedia's database does the first item stand to the second? Name the property.\n"
            "First item: {{ subject }}\nSecond item: {{ answer }}\nWhat is known: {{ texts }}",
            "{{ relation }}",
            kind="inverted",
            name="name_relation",
        ),
    ],
    lineage=["wiki_hop"],
    train="train",
    evaluation="validation",
    long_fields=["texts"],
    licence="unknown",
    link="https://huggingface.co/datasets/community-datasets/qangaroo",
)


# --- film plots ------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/ibm/duorc · licence: MIT
# {'plot_id': '/m/03vyhn', 'plot': '200 years in the future, Mars has been colonized by a high-tech company.\nMelanie ...',
#  'title': 'Ghosts of Mars', 'question_id': 'b440de7d-9c3f-841c-eaec-a14bdff950d1',
#  'question': 'How did the police arrive at the Mars mining camp?', 'answers': ['They arrived by train.'], 'no_answer': False}
# SelfRC asks about the plot that the question was written for, ParaphraseRC about another telling of the same story, which
# often leaves the matter open.
def _duorc_row(row):
    answers = () if row["no_answer"] else _distinct(row["answers"])
    fields = {"title": _line(row["title"]), "plot": _paragraphs(row["plot"]), "question": _question(row["question"])}
    return Example(fields | {"answerable": bool(answers)}, answers or "no answer")


def _duorc(name, config):
    return Task(
        name=name,
        cluster="reading_comprehension",
        source=hub("ibm/duorc", config),
        example=_duorc_row,
        templates=[
            Template(
                'Below is the plot of the film "{{ title }}". Answer the question about it, or write "no answer" if the plot '
                "leaves the matter open.\nPlot: {{ plot }}\nQuestion: {{ question }}",
                cue="Answer:",
            ),
            Template(
                '{{ question }} All I know of {{ title }} is this summary. Tell me briefly, or say "can\'t tell" if '
                "the summary leaves it out.\nSummary: {{ plot }}",
                words={"no answer": "can't tell"},
            ),
            Template("Film: {{ title }}\nStory: {{ plot }}\nFan question: {{ question }}", when="answerable"),
            Template("{{ plot }}\nAbout this film ({{ title }}) there is one question. {{ question }}", when="answerable"),
            Template(
                "Moviegoer: What happens in {{ title }}?\nCritic: {{ plot }}\nMoviegoer: One more thing. {{ question }}\n"
                'How does the critic reply? If the account above does not say, the reply is "I can\'t say."',
                words={"no answer": "I can't say."},
            ),
            Template(
                "A streaming service answers viewers' questions from its synopses. "
                'Where a synopsis does not help, it sends "Not mentioned".\n'
                "Synopsis of {{ title }}: {{ plot }}\nViewer: {{ question }}",
                cue="Service:",
                words={"no answer": "Not mentioned"},
            ),
            Template(
                "The words of the question may differ from those of the synopsis, so go by the sense.\n"
                "Question: {{ question }}\nSynopsis: {{ plot }}\nGive a short answer in words of your own or of the synopsis.",
                when="answerable",
            ),
            Template(
                "Film club quiz ({{ title }}). {{ question }} Score a point with the right answer, or by saying "
                '"unanswerable" when the plot outline has none.\nOutline: {{ plot }}',
                words={"no answer": "unanswerable"},
            ),
            Template(
                'Suppose that "{{ title }}" runs exactly as it is told here: {{ plot }}\n'
                "Then what would anyone who knows the film reply, in a few words, to this question? {{ question }}",
                when="answerable",
            ),
            Template(
                "Could someone who has read this plot of {{ title }} answer the question, yes or no?\n"
                "Question: {{ question }}\nPlot: {{ plot }}",
                "{{ 'yes' if answerable else 'no' }}",
                kind="inverted",
                name="is_answerable",
            ),
            Template(
                'Write a question about the film "{{ title }}" that its plot answers like this: {{ answer }}\nPlot: {{ plot }}',
                "{{ question }}",
                kind="inverted",
                name="ask_for_answer",
                when="answerable",
            ),
            Template(
                "Which film has this plot? {{ plot }}",
                "{{ title }}",
                kind="inverted",
                name="name_film",
            ),
        ],
        lineage=["duorc"],
        metrics=["token_f1", "rougeL"],
        train="train",
        evaluation="validation",
        long_fields=["plot"],
        licence="MIT",
        link="https://huggingface.co/datasets/ibm/duorc",
    )


duorc_self = _duorc("duorc_self", "SelfRC")
duorc_paraphrase = _duorc("duorc_paraphrase", "ParaphraseRC")


# --- whole books and films, told in a page ---------------------------------------------------------------------------
# https://huggingface.co/datasets/deepmind/narrativeqa · licence: Apache-2.0
# {'document': {'id': '...', 'kind': 'movie', 'url': '...', 'file_size': 80473, 'word_count': 41000, 'start': '...',
#  'end': '...', 'summary': {'text': 'Joe Bloggs begins his journey exploring...', 'tokens': [...], 'url': '...',
#  'title': 'Name of Movie (film)'}, 'text': '...'}, 'question': {'text': 'Where does Joe Bloggs live?', 'tokens': [...]},
#  'answers': [{'text': 'At home', 'tokens': [...]}, {'text': 'His house', 'tokens': [...]}]}   (the row of the card)
# The question is about the summary; the whole script or book, `document.text`, is not used.
def _narrativeqa(row):
    summary = row["document"]["summary"]
    fields = {
        "title": re.sub(r" \(.*\)$", "", _line(summary["title"])),
        "story": _paragraphs(summary["text"]),
        "work": "film" if row["document"]["kind"] == "movie" else "book",
        "question": _question(row["question"]["text"]),
    }
    answers = _distinct(answer["text"] for answer in row["answers"])
    if not answers or not fields["story"] or not fields["title"]:
        raise SkipRow("no answer, summary or title")
    return Example(fields, answers)


narrativeqa = Task(
    name="narrativeqa",
    cluster="reading_comprehension",
    source=hub("deepmind/narrativeqa"),
    example=_narrativeqa,
    templates=[
        Template(
            "What follows is the story of the {{ work }} {{ title }} in brief. Answer the question about it in a few words.\n"
            "Story: {{ story }}\nQuestion: {{ question }}",
            cue="Answer:",
        ),
        Template("{{ story }}\n{{ question }}"),
        Template(
            "I skipped most of {{ title }} for my literature class. Here is what a study guide says: {{ story }}\n"
            'If they ask me "{{ question }}", what do I say?'
        ),
        Template(
            "Reading group ({{ title }}), first question on the list: {{ question }} "
            "Answer from the synopsis, in your own words if you like, but in no more than one short sentence.\n"
            "Synopsis: {{ story }}"
        ),
        Template(
            "Who did what, where and why? Keep track of the characters in this summary. {{ story }}\n"
            "Now, briefly: {{ question }}"
        ),
        Template(
            "{{ question }}\nYou may be sure that the {{ work }} answers this, and that its summary does too: {{ story }}"
        ),
        Template(
            'Grandchild: What was that story "{{ title }}" about?\nGrandparent: {{ story }}\n'
            "Grandchild: And tell me again: {{ question }}",
            cue="Grandparent:",
        ),
        Template(
            "Title: {{ title }}\nKind of work: {{ work }}\nSummary: {{ story }}\nExam question on the plot: {{ question }}\n"
            "A few words are enough for full marks."
        ),
        Template(
            "A viewer or reader who knows how the whole story goes would need only a phrase to reply to this: {{ question }} "
            "Write that phrase.\nThe whole story: {{ story }}"
        ),
        Template(
            'Ask something about the plot of the {{ work }} "{{ title }}". Anyone who has read the summary should be able to '
            "reply as stated.\nReply: {{ answer }}\nSummary: {{ story }}",
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
        ),
        Template(
            "Recognize the {{ work }} from the summary of its story, and give its title.\nSummary: {{ story }}",
            "{{ title }}",
            kind="inverted",
            name="name_work",
        ),
    ],
    lineage=["narrativeqa"],
    metrics=["rougeL", "token_f1"],
    train="train",
    evaluation="validation",
    long_fields=["story"],
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/deepmind/narrativeqa",
)


# --- abstracts -------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/qiaojin/PubMedQA (pqa_labeled) · licence: MIT
# {'pubid': 21645374, 'question': 'Do mitochondria play a role in remodelling lace plant leaves during programmed cell death?',
#  'context': {'contexts': ['Programmed cell death (PCD) is ...', ...], 'labels': ['BACKGROUND', 'RESULTS'], 'meshes': [...],
#  'reasoning_required_pred': [...], 'reasoning_free_pred': [...]},
#  'long_answer': 'Results depicted mitochondrial dynamics in vivo as ...', 'final_decision': 'yes'}
# The question is the paper's title, the long answer its conclusion, which serves as the rationale.
def _pubmed_qa(row):
    parts = zip(row["context"]["labels"], row["context"]["contexts"], strict=True)
    abstract = "\n".join(f"{label.capitalize()}: {_line(text).lstrip(': ')}" for label, text in parts)
    return Example(
        {"question": _question(row["question"]), "abstract": abstract},
        row["final_decision"],
        options=("yes", "no", "maybe"),
        rationale=_line(row["long_answer"]).lstrip(": "),
    )


pubmed_qa = Task(
    name="pubmed_qa",
    cluster="reading_comprehension",
    source=hub("qiaojin/PubMedQA", "pqa_labeled"),
    example=_pubmed_qa,
    templates=[
        Template(
            "Research question: {{ question }}\nAbstract without its conclusion: {{ abstract }}",
            cue="Do the findings say yes, no or maybe?",
            options="never",
        ),
        Template(
            "{{ abstract }}\nOn the strength of these results, how would you answer the title of the paper? "
            'Its title is "{{ question }}" Say yes, no or maybe.',
            options="never",
        ),
        Template(
            "A busy doctor asks: {{ question }}\nYou have found one study. {{ abstract }}\n"
            "Send the doctor a one-word reply. If the study points both ways, the word is maybe; otherwise it is yes or no.",
            options="never",
        ),
        Template(
            "Read the study and judge whether it supports a positive answer, a negative answer, or neither clearly.\n"
            "{{ options }}\nQuestion: {{ question }}\nStudy: {{ abstract }}",
            words={"yes": "positive", "no": "negative", "maybe": "unclear"},
            options="always",
        ),
        Template(
            "Journal club. The authors set out to learn this: {{ question }} Here is what they did and saw. {{ abstract }}\n"
            "Did they find that it is so, that it is not so, or that it is uncertain?",
            words={"yes": "it is so", "no": "it is not so", "maybe": "it is uncertain"},
        ),
        Template(
            "{{ question }}\nAnswer yes or no if the evidence is clear, and maybe if it is mixed.\n"
            "Evidence from PubMed: {{ abstract }}",
            options="never",
        ),
        Template(
            "For a systematic review, each paper is coded by its answer to its own question: Y (yes), N (no) or M (mixed).\n"
            "Paper: {{ abstract }}\nIts question: {{ question }}",
            cue="Code:",
            words={"yes": "Y", "no": "N", "maybe": "M"},
            options="never",
        ),
        Template(
            "The last lines of this abstract, in which the authors answer their question, have been cut off. {{ abstract }}\n"
            "The question was: {{ question }} Was the answer yes, no or maybe?"
        ),
        Template(
            'A health reporter wants to run the headline "{{ question }}" and asks what the data behind it show. '
            "Reply yes, no, or too early to say.\nData: {{ abstract }}",
            words={"maybe": "too early to say"},
            options="never",
        ),
        Template(
            "Write the conclusion of this abstract, in which the authors answer their own question.\n"
            "Question: {{ question }}\nAbstract so far: {{ abstract }}",
            "{{ rationale }}",
            kind="inverted",
            name="write_conclusion",
        ),
        Template(
            "Find a title for the paper with the following abstract and conclusion, in the form of the question that it "
            "answers.\n{{ abstract }}\nConclusion: {{ rationale }}",
            "{{ question }}",
            kind="inverted",
            name="write_title",
        ),
    ],
    lineage=["pubmed_qa"],
    metrics=["accuracy", "macro_f1"],
    train="train[:80%]",
    evaluation="train[80%:]",
    long_fields=["abstract"],
    licence="MIT",
    link="https://huggingface.co/datasets/qiaojin/PubMedQA",
)

reading_documents = Mixture(
    name="reading_documents",
    parts=[hotpot_qa, wiki_hop, duorc_self, duorc_paraphrase, narrativeqa, pubmed_qa],
    rate=proportional(cap=3000),
)
