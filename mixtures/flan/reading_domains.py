"""Reading comprehension away from SQuAD's own paragraphs: reviews, forum posts, newspapers, tweets, other encyclopedia pages.

SubjQA, SquadShifts, TweetQA, the English parts of MLQA and XQuAD, and the English questions of TyDi QA's gold passages. None of
them is in FLAN; promptsource has SquadShifts, XQuAD and TyDi QA, and Super-NaturalInstructions has most of the others.
"""

import html
import re
from collections import Counter

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional


def _line(text):
    """Returns the text on one line, without HTML's entities and the blanks that a tokenizer put before punctuation."""
    text = " ".join(html.unescape(text).replace("``", '"').replace("''", '"').split())
    return re.sub(r" ([,.;:?!)]|n't|'(?:s|m|re|ve|ll|d)\b)", r"\1", text)


def _paragraphs(text):
    """Returns the text with a single line break between paragraphs."""
    return "\n".join(line for line in map(_line, text.splitlines()) if line)


def _question(text):
    """Returns the question on one line, with a capital and with a question mark if it ends in no mark at all."""
    text = _line(text)
    text = text[:1].upper() + text[1:]
    return text if text[-1:] in tuple("?.!:") else f"{text}?"


def _references(texts):
    """Returns the distinct texts, the commonest first."""
    return tuple(text for text, _ in Counter(text for text in map(_line, texts) if text).most_common())


def _extractive(row):
    answers = _references(row["answers"]["text"])
    if not answers:
        raise SkipRow("no answer")
    return Example({"passage": _paragraphs(row["context"]), "question": _question(row["question"])}, answers)


# --- reviews: SubjQA -------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/megagonlabs/subjqa · licence: that of each underlying review set (unknown)
# {'domain': 'tripadvisor', 'nn_mod': 'most comfortable', 'nn_asp': 'bed', 'query_mod': 'more comfortable', 'query_asp': 'bed',
#  'q_reviews_id': '...', 'question_subj_level': 2, 'ques_subj_score': 0.0, 'is_ques_subjective': False, 'review_id': '...',
#  'id': '...', 'title': 'usa_san francisco_hotel_diva', 'context': "This small hotel is a jewel. It's ideally located ...",
#  'question': 'What is the quality of the bed?', 'answers': {'text': ['The bed is one of the most comfortable'],
#  'answer_start': [199], 'answer_subj_level': [2], 'ans_subj_score': [0.65], 'is_ans_subjective': [True]}}
# no texts: the review does not answer the question, and ends in ANSWERNOTFOUND, which is taken off
def _subjqa(name, config, subject, lineage):
    def example(row):
        answers = _references(row["answers"]["text"])
        fields = {
            "review": _paragraphs(row["context"].replace("ANSWERNOTFOUND", "")),
            "question": _question(row["question"]),
            "subject": subject,
            "answerable": bool(answers),
        }
        return Example(fields, answers or "unanswerable")

    return Task(
        name=name,
        cluster="reading_comprehension",
        source=hub("megagonlabs/subjqa", config, revision="refs/convert/parquet"),
        example=example,
        templates=[
            Template(
                "Someone asks about {{ subject }}: {{ question }}\nQuote the part of this review that speaks to it, or "
                'write "unanswerable" if the reviewer does not bring it up.\nReview: {{ review }}'
            ),
            Template(
                '{{ review }}\n{{ question }} If the reviewer gives an opinion on this, copy it; if not, say "no opinion".',
                words={"unanswerable": "no opinion"},
            ),
            Template(
                "Customer: {{ question }}\nOther customer's review: {{ review }}\n"
                "Which words of the review are the reply? (If none are, the reply is: not mentioned.)",
                words={"unanswerable": "not mentioned"},
            ),
            Template("In the reviewer's own words: {{ question }}\nReview of {{ subject }}: {{ review }}", when="answerable"),
            Template(
                "Opinion search. Query: {{ question }}\nDocument (review of {{ subject }}): {{ review }}",
                cue="Matching passage, or NULL:",
                words={"unanswerable": "NULL"},
            ),
            Template(
                "I have to decide quickly and cannot read all of this. {{ question }} Just send me the line that tells me.\n"
                "{{ review }}",
                when="answerable",
            ),
            Template(
                "Underline the phrase in which the writer answers the question from personal experience.\n"
                "Question: {{ question }}\nWhat the writer said about {{ subject }}: {{ review }}",
                when="answerable",
            ),
            Template(
                "The owner reads through the feedback with one thing in mind: {{ question }} What does this customer have to "
                'say? Give the customer\'s words, or "nothing".\nFeedback: {{ review }}',
                words={"unanswerable": "nothing"},
            ),
            Template(
                "Does the review help with the question, yes or no?\nQuestion: {{ question }}\nReview: {{ review }}",
                "{{ 'yes' if answerable else 'no' }}",
                kind="inverted",
                name="is_answerable",
            ),
            Template(
                'With "{{ answer }}", this review of {{ subject }} answers a question that someone else had asked. '
                "What was the question?\nReview: {{ review }}",
                "{{ question }}",
                kind="inverted",
                name="guess_question",
                when="answerable",
            ),
            Template(
                "Write a question that somebody might ask about {{ subject }} and that this review does not help with.\n"
                "Review: {{ review }}",
                "{{ question }}",
                kind="inverted",
                name="ask_unanswered",
                when="not answerable",
            ),
        ],
        lineage=["subjqa", *lineage],
        metrics=["token_f1", "exact_match"],
        train="train",
        evaluation="validation",
        long_fields=["review"],
        licence="unknown",
        link="https://huggingface.co/datasets/megagonlabs/subjqa",
    )


subjqa_books = _subjqa("subjqa_books", "books", "a book", ["amazon_reviews"])
subjqa_electronics = _subjqa("subjqa_electronics", "electronics", "an electronic device", ["amazon_reviews"])
subjqa_grocery = _subjqa("subjqa_grocery", "grocery", "a grocery product", ["amazon_reviews"])
subjqa_movies = _subjqa("subjqa_movies", "movies", "a film", ["amazon_reviews"])
subjqa_restaurants = _subjqa("subjqa_restaurants", "restaurants", "a restaurant", ["yelp_reviews"])
subjqa_tripadvisor = _subjqa("subjqa_tripadvisor", "tripadvisor", "a hotel", ["tripadvisor"])


# --- SquadShifts -----------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/modestyachts/squadshifts · licence: unknown
# {'id': '5dd465dacc027a086d65bc6f', 'title': 'Amazon_Reviews_2030', 'context': "It's a very nice holder - not too big and ...",
#  'question': 'Do you have to dig through a makeup bag?',
#  'answers': {'text': ['not have to dig through a makeup bag anymore.', 'not', 'not have to dig'], 'answer_start': [157, ...]}}
# The hub has a test split only.
def _squadshifts(name, config, text, writer, lineage):
    def example(row):
        found = _extractive(row)
        return found._replace(fields={**found.fields, "text": text, "writer": writer})

    return Task(
        name=name,
        cluster="reading_comprehension",
        source=hub("modestyachts/squadshifts", config, revision="refs/convert/parquet"),
        example=example,
        templates=[
            Template("Here is {{ text }}: {{ passage }}\n{{ question }}"),
            Template(
                "The answer to the question is in {{ text }}. Copy it exactly, errors included.\n"
                "Question: {{ question }}\nSource: {{ passage }}",
                cue="Answer:",
            ),
            Template(
                "Source: {{ text }}\nContent: {{ passage }}\nQuestion: {{ question }}\n"
                "Reply with the shortest wording that the content allows."
            ),
            Template("{{ question }} Let {{ writer }} tell you: {{ passage }}"),
            Template("{{ passage }}\nThose are the words of {{ writer }}. Reuse a few of them for your answer. {{ question }}"),
            Template(
                'Someone has read {{ text }} and wants to be sure of one point: "{{ question }}" '
                "Settle it with a quotation of a few words.\nThe text: {{ passage }}"
            ),
            Template(
                "Ann: What are you reading?\nBen: Just {{ text }}. It goes like this: {{ passage }}\nAnn: {{ question }}",
                cue="Ben:",
            ),
            Template(
                "Information extraction ({{ text }}). Request: {{ question }} Output one span of the input.\n"
                "Input: {{ passage }}"
            ),
            Template("Whoever has read this can answer in a word or two: {{ question }}\nThis is {{ text }}. {{ passage }}"),
            Template(
                "Give the words of the original that belong in a one-line reply to the question.\n"
                "Original ({{ text }}): {{ passage }}\nQuestion: {{ question }}"
            ),
            Template(
                'Below is {{ text }}. Write a question to which "{{ answer }}" is the answer.\nText: {{ passage }}',
                "{{ question }}",
                kind="inverted",
                name="ask_for_answer",
            ),
        ],
        lineage=["squadshifts", *lineage],
        metrics=["token_f1", "exact_match"],
        train="test[:80%]",
        evaluation="test[80%:]",
        long_fields=["passage"],
        licence="unknown",
        link="https://huggingface.co/datasets/modestyachts/squadshifts",
    )


squadshifts_amazon = _squadshifts(
    "squadshifts_amazon", "amazon", "a product review from Amazon", "the reviewer", ["amazon_reviews"]
)
squadshifts_new_wiki = _squadshifts(
    "squadshifts_new_wiki", "new_wiki", "a paragraph from Wikipedia", "the encyclopedia", ["squad"]
)
squadshifts_nyt = _squadshifts(
    "squadshifts_nyt", "nyt", "an extract from a New York Times article", "the newspaper", ["new_york_times"]
)
squadshifts_reddit = _squadshifts("squadshifts_reddit", "reddit", "a post from Reddit", "the poster", ["reddit"])


# --- tweets ----------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/ucsbnlp/tweet_qa · licence: CC BY-SA 4.0
# {'Question': 'who is the tallest host?', 'Answer': ['sam bee', 'sam bee'], 'qid': '3554ee17d86b678be34c4dc2c04e334f',
#  'Tweet': "Don't believe @ConanOBrien's height lies. Sam Bee is the tallest host in late night. #alternativefacts— Full ..."}
# Answers are written freely, in lower case. The unlabelled test rows have none.
def _tweet_qa(row):
    answers = _references(row["Answer"])
    if not answers:
        raise SkipRow("no answer")
    return Example({"tweet": _line(row["Tweet"]), "question": _question(row["Question"])}, answers)


tweet_qa = Task(
    name="tweet_qa",
    cluster="reading_comprehension",
    source=hub("ucsbnlp/tweet_qa"),
    example=_tweet_qa,
    templates=[
        Template("Tweet: {{ tweet }}\nQuestion: {{ question }}", cue="Answer:"),
        Template("{{ question }} The only clue is this tweet: {{ tweet }}"),
        Template(
            "Explain a post to someone who does not use Twitter. They want to know: {{ question }} Answer in a few words.\n"
            "Post: {{ tweet }}"
        ),
        Template(
            "Hashtags, handles and the author's name count as part of the message below. {{ question }}\nMessage: {{ tweet }}"
        ),
        Template(
            'A journalist saw this on social media: "{{ tweet }}" The article about it must answer one question. {{ question }}'
        ),
        Template("{{ tweet }}\nGoing by what was posted, answer in lower case and without a full sentence: {{ question }}"),
        Template(
            "Mom: I don't understand this tweet. {{ tweet }}\nDaughter: What don't you understand?\nMom: {{ question }}",
            cue="Daughter:",
        ),
        Template(
            "Short text, short answer. What do you reply to the question if the tweet is all you know?\n"
            "Question: {{ question }}\nTweet: {{ tweet }}"
        ),
        Template(
            "Newsroom check. Claimed source: {{ tweet }}\nThe editor asks: {{ question }} "
            "Reply with what the source says or plainly implies."
        ),
        Template(
            "Ask something about this tweet that can be answered in the way shown.\nAnswer: {{ answer }}\nTweet: {{ tweet }}",
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
        ),
        Template(
            "Write a tweet that answers the question.\nQuestion: {{ question }}\nAnswer: {{ answer }}",
            "{{ tweet }}",
            kind="inverted",
            name="write_tweet",
        ),
    ],
    lineage=["tweet_qa"],
    metrics=["token_f1", "rougeL"],
    train="train",
    evaluation="validation",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/ucsbnlp/tweet_qa",
)


# --- the English parts of multilingual sets --------------------------------------------------------------------------
# https://huggingface.co/datasets/facebook/mlqa (mlqa.en.en) · licence: CC BY-SA 3.0
# {'context': 'Phloem is a specialised tissue for food transport in higher plants, mainly transporting sucrose along ...',
#  'question': 'What is the leptome?', 'answers': {'answer_start': [839], 'text': ['simpler tissue with analogous function']},
#  'id': '694ce8b90f6854bcd6c3a505767df90f8b659d06'}
mlqa_en = Task(
    name="mlqa_en",
    cluster="reading_comprehension",
    source=hub("facebook/mlqa", "mlqa.en.en", revision="refs/convert/parquet"),
    example=_extractive,
    templates=[
        Template("{{ question }}\nConsult: {{ passage }}"),
        Template(
            "The sentence that answers the question occurs on Wikipedia in several languages. This is the English page. "
            "Which part of that sentence is the answer?\nPage: {{ passage }}\nQuestion: {{ question }}"
        ),
        Template("Page: {{ passage }}\nTo be looked up on it: {{ question }}", cue="Result:"),
        Template(
            "The question and its answer will be translated into six languages, so the answer must be exact. "
            "Give it as it is worded in the English article.\nArticle: {{ passage }}\nQuestion: {{ question }}"
        ),
        Template("I need a fact for my slides, not a sentence. {{ question }} My source says: {{ passage }}"),
        Template(
            "{{ passage }}\nIf the article above were your only knowledge, how would you answer? {{ question }} "
            "Stay with the article's wording."
        ),
        Template(
            "Visitor to a reference desk: {{ question }}\nLibrarian, reading aloud: {{ passage }}\nVisitor: So, in short?",
            cue="Librarian:",
        ),
        Template(
            "Mark the beginning and the end of the answer in the text, and write out what lies between.\n"
            "Text: {{ passage }}\nQuestion to be answered: {{ question }}"
        ),
        Template(
            'An exchange student has trouble with this: "{{ question }}" Point to the few words of the English text that '
            "are needed.\nText: {{ passage }}"
        ),
        Template(
            "Someone came to this page with a question and left with an answer. What was the question?\n"
            "Page: {{ passage }}\nAnswer found there: {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
        ),
    ],
    lineage=["mlqa"],
    metrics=["token_f1", "exact_match"],
    train="validation",
    evaluation="test",
    long_fields=["passage"],
    licence="CC BY-SA 3.0",
    link="https://huggingface.co/datasets/facebook/mlqa",
)


# https://huggingface.co/datasets/google/xquad (xquad.en) · licence: CC BY-SA 4.0
# {'id': '56beb4343aeaaa14008c925e', 'context': 'The Panthers defense gave up just 308 points, ranking sixth in the ...',
#  'question': 'How many balls did Josh Norman intercept?', 'answers': {'text': ['four'], 'answer_start': [140]}}
# The rows are SQuAD validation questions, hence never trained on.
xquad_en = Task(
    name="xquad_en",
    cluster="reading_comprehension",
    source=hub("google/xquad", "xquad.en"),
    example=_extractive,
    templates=[
        Template("Text: {{ passage }}\nQuestion about the text: {{ question }}", cue="Answer in the words of the text:"),
        Template("{{ question }} Cite the text that follows, and only as much of it as is asked for. {{ passage }}"),
        Template(
            "Given the facts in this paragraph, what would you put in the gap of a form headed as follows?\n"
            "Heading: {{ question }}\nParagraph: {{ passage }}"
        ),
        Template("{{ passage }}\nOne question on this. {{ question }}"),
        Template("Which part of the passage answers the question?\nQuestion: {{ question }}\nPassage: {{ passage }}"),
        Template(
            "The paragraph below exists in eleven languages, and so does the question. Answer the English version in English.\n"
            "Question: {{ question }}\nParagraph: {{ passage }}"
        ),
        Template(
            "Sports, science, history: whatever the topic, the reply is a short extract. Topic text: {{ passage }}\n"
            "Question: {{ question }}"
        ),
        Template(
            "Reader: {{ question }}\nEditor: It's in the second column. {{ passage }}\nReader: Thanks, I see it now.",
            cue="It says",
        ),
        Template(
            "Pick out a date, name, number or phrase from these lines, whichever the question wants. {{ question }}\n"
            "Lines: {{ passage }}"
        ),
        Template(
            'Make "{{ answer }}" the solution of a reading question on this paragraph, and write down the question.\n'
            "Paragraph: {{ passage }}",
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
        ),
    ],
    lineage=["xquad", "squad"],
    metrics=["exact_match", "token_f1"],
    train=None,
    evaluation="validation",
    long_fields=["passage"],
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/google/xquad",
)


# https://huggingface.co/datasets/google-research-datasets/tydiqa (secondary_task) · licence: Apache-2.0
# {'id': 'english-...', 'title': '...', 'context': '...', 'question': '...', 'answers': {'text': ['...'], 'answer_start': [0]}}
# Other languages are left out. The questions were asked before anybody saw the passage.
def _tydiqa(row):
    if not row["id"].startswith("english"):
        raise SkipRow("another language")
    found = _extractive(row)
    return found._replace(fields={**found.fields, "title": _line(row["title"])})


tydiqa_en = Task(
    name="tydiqa_en",
    cluster="reading_comprehension",
    source=hub("google-research-datasets/tydiqa", "secondary_task"),
    example=_tydiqa,
    templates=[
        Template("I was wondering: {{ question }}\nWikipedia, {{ title }}: {{ passage }}"),
        Template(
            "Somebody really wanted to know this and had not seen the article: {{ question }} "
            "Now the article has been found. Give its answer in a phrase.\nArticle: {{ passage }}"
        ),
        Template("Title: {{ title }}\nPassage: {{ passage }}\nInformation need: {{ question }}", cue="Minimal answer:"),
        Template('{{ question }}\nThe entry "{{ title }}" can tell you, briefly, if you read on. {{ passage }}'),
        Template(
            "A curious child wants to know: {{ question }} Look it up in this passage, and give the short answer before "
            "the child loses interest.\nPassage on {{ title }}: {{ passage }}"
        ),
        Template("{{ passage }}\nFrom this, satisfy the following curiosity with as few words as will do: {{ question }}"),
        Template(
            "Someone who had looked at the first lines about {{ title }} became interested and asked more. {{ question }}\n"
            "What does the rest of the page answer? Page: {{ passage }}"
        ),
        Template(
            "Your reply to the question must be lifted from the entry without any change.\n"
            "Entry ({{ title }}): {{ passage }}\nQuestion: {{ question }}"
        ),
        Template(
            "Ann: {{ question }}\nBen: No idea. Is it on Wikipedia?\n"
            "Ann: There is a page ({{ title }}), and it says: {{ passage }}",
            cue="Ben: Well, then it's",
        ),
        Template(
            "What might a person who knows little about {{ title }} want to know, if the answer turns out to be "
            '"{{ answer }}"? Write the question.',
            "{{ question }}",
            kind="inverted",
            name="ask_curiously",
        ),
    ],
    lineage=["tydiqa"],
    metrics=["token_f1", "exact_match"],
    train="train",
    evaluation="validation",
    long_fields=["passage"],
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/google-research-datasets/tydiqa",
)

reading_domains = Mixture(
    name="reading_domains",
    parts=[
        subjqa_books,
        subjqa_electronics,
        subjqa_grocery,
        subjqa_movies,
        subjqa_restaurants,
        subjqa_tripadvisor,
        squadshifts_amazon,
        squadshifts_new_wiki,
        squadshifts_nyt,
        squadshifts_reddit,
        tweet_qa,
        mlqa_en,
        xquad_en,
        tydiqa_en,
    ],
    rate=proportional(cap=3000),
)
