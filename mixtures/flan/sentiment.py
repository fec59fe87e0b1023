"""Sentiment: what somebody thinks of a film, a shop, a product or an app, and what somebody feels.

FLAN's cluster is imdb, sst2, yelp_polarity and sentiment140. T0's is imdb, rotten_tomatoes, amazon_polarity, app_reviews and
yelp_review_full. All of them can still be had as data. Added here are reviews whose opinion was reversed (cad_imdb), a finer
scale (sst5), remarks on products (cr), finance, poems, Reddit comments, and tweets with their feelings, irony and insults.

Insults and hate are to be recognized, never to be written: their tasks have no inverted templates. HateCheck is left out,
because it is a suite of tests without training rows, and MPQA, because it is not on the hub in a form that could be checked.
"""

import html
import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, label, proportional

_MOODS = ("negative", "positive")
_mood = label(_MOODS)
_NO_YES = {"negative": "no", "positive": "yes"}


def _one_line(text):
    """The text without HTML and line breaks."""
    text = html.unescape(re.sub(r"</?[A-Za-z][^<>]{0,40}>", " ", text.replace("\\n", " ").replace('\\"', '"')))
    return " ".join(text.split())


def _untokenize(text):
    """The text as it was before a tokenizer set its punctuation apart.

    >>> _untokenize("it 's `` funny '' , is n't it ?")
    'it\\'s "funny", isn\\'t it?'
    """
    text = re.sub(r"``|''", '"', re.sub(r"-lrb- ?", "(", re.sub(r" ?-rrb-", ")", text, flags=re.I), flags=re.I))
    text = re.sub(r'" ([^"]*[^" ]) "', r'"\1"', text)
    text = re.sub(r" (n't|'(?:s|t|re|ve|ll|d|m|em))\b", r"\1", text)
    text = re.sub(r"([(\[$#]) ", r"\1", re.sub(r" (\.\.\.|[,.;:?!%)\]])", r"\1", text))
    return " ".join(text.split())


def _tweet(text):
    """The text on one line, without the escapes (such as \\u2019) that some of the collections have kept."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    text = _one_line(re.sub("[\ud800-\udfff]", "", text)).strip('"').strip(" :")
    if not text:
        raise SkipRow("an empty tweet")
    return text


# --- films -----------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/stanfordnlp/imdb · licence: unknown
# {'text': 'Long, boring, blasphemous. Never have I been so glad to see ending credits roll.', 'label': 0}
# labels: neg, pos.
def _imdb(row):
    review = _one_line(row["text"])
    opening, stop, rest = review.partition(". ")
    if len(opening) > 300:
        rest = ""
    return Example({"review": review, "opening": opening + stop.strip(), "rest": rest}, _mood(row["label"]), options=_MOODS)


imdb = Task(
    name="imdb",
    cluster="sentiment",
    source=hub("stanfordnlp/imdb", "plain_text"),
    example=_imdb,
    templates=[
        Template(
            "Below is a movie review from IMDb. Decide whether its author liked or disliked the film, and answer with "
            "positive or negative.\nReview: {{ review }}",
            options="never",
        ),
        Template("Review: {{ review }}\nQuestion: What is the overall sentiment of this movie review?"),
        Template("Did the writer of this review enjoy the movie?\nReview: {{ review }}", words=_NO_YES),
        Template(
            "You run a film site that marks every user's review with a thumbs up or a thumbs down. Which of the two does this "
            "one get?\nUser: {{ review }}",
            words={"negative": "thumbs down", "positive": "thumbs up"},
            options="never",
        ),
        Template(
            'Is the movie review in quotation marks favorable or unfavorable? "{{ review }}"',
            words={"negative": "unfavorable", "positive": "favorable"},
            options="never",
        ),
        Template(
            "I don't have time to read all of this. Is the reviewer for the movie or against it?\nThe review: {{ review }}",
            words={"negative": "against it", "positive": "for it"},
            options="never",
        ),
        Template("Film review: {{ review }}\nClassify the review above by its sentiment.", cue="Sentiment:"),
        Template(
            "Read what this moviegoer has to say, then pick the label that sums up the opinion.\n{{ options }}\n"
            "Moviegoer: {{ review }}",
            options="always",
        ),
        Template(
            "True or false: the reviewer was let down by the movie.\nReview: {{ review }}",
            words={"negative": "True", "positive": "False"},
            options="never",
        ),
        Template(
            "A studio wants to quote friendly reviews in the advertisements for its film. Would it quote from this one?\n"
            "{{ options }}\nFrom IMDb: {{ review }}",
            words=_NO_YES,
        ),
        Template(
            "Write a {{ answer }} review of a movie, the way IMDb users do.",
            "{{ review }}",
            kind="inverted",
            name="write_review",
        ),
        Template(
            "Somebody has begun a {{ answer }} review of a film with this sentence: {{ opening }} Go on with the review.",
            "{{ rest }}",
            kind="inverted",
            name="continue_review",
            when="rest",
        ),
    ],
    lineage=["imdb"],
    evaluation="test",
    long_fields=["review", "rest"],
    licence="unknown",
    link="https://huggingface.co/datasets/stanfordnlp/imdb",
)

# https://huggingface.co/datasets/nyu-mll/glue (sst2) · licence: unknown
# {'sentence': 'contains no wit , only labored gags ', 'label': 0, 'idx': 1}
# labels: negative, positive. The sentences of Rotten Tomatoes and parts of them, in lower case.
sst2 = Task(
    name="sst2",
    cluster="sentiment",
    source=hub("nyu-mll/glue", "sst2"),
    example=lambda row: Example({"phrase": _untokenize(row["sentence"]).lstrip(" ,.;:")}, _mood(row["label"]), options=_MOODS),
    templates=[
        Template(
            'When a critic says "{{ phrase }}" of a movie, is that praise or criticism?',
            words={"negative": "criticism", "positive": "praise"},
            options="never",
        ),
        Template("Snippet from a film review: {{ phrase }}\nWhich sentiment does the snippet express?"),
        Template(
            "The words below were taken out of a movie review. Say whether they are positive or negative about the movie.\n"
            "Words: {{ phrase }}",
            options="never",
        ),
        Template('Is "{{ phrase }}" a quote that would look good on the poster of a film?', words=_NO_YES),
        Template("Label the polarity of this excerpt from a film critic's column.\nExcerpt: {{ phrase }}", cue="Polarity:"),
        Template(
            'Ann: What do the papers say about the film?\nBen: One of them says "{{ phrase }}"\nAnn: Is that good or bad?',
            words={"negative": "bad", "positive": "good"},
            options="never",
            cue="Ben:",
        ),
        Template(
            "Suppose that this is all you can make out on a torn page of film reviews: {{ phrase }}\n"
            "Does the reviewer seem to like or to dislike the film?",
            words={"negative": "dislike", "positive": "like"},
            options="never",
        ),
        Template('"{{ phrase }}"\nPick the word for the critic\'s attitude in this fragment.\n{{ options }}', options="always"),
        Template(
            "Mark fragments of movie reviews with a plus if they speak well of the movie and with a minus if they speak badly "
            "of it.\nFragment: {{ phrase }}",
            words={"negative": "minus", "positive": "plus"},
            options="never",
            cue="Mark:",
        ),
        Template(
            "Put down a {{ answer }} remark about a film, no longer than one sentence, as a critic would word it.",
            "{{ phrase }}",
            kind="inverted",
            name="write_remark",
        ),
        Template(
            "{% if answer == 'positive' %}Praise{% else %}Find fault with{% endif %} a movie in a few words.",
            "{{ phrase }}",
            kind="inverted",
            name="praise_or_blame",
        ),
    ],
    lineage=["rotten_tomatoes", "sst"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)

# https://huggingface.co/datasets/SetFit/sst5 · licence: unknown
# {'text': 'apparently reassembled from the cutting-room floor of any given daytime soap .', 'label': 1,
#  'label_text': 'negative'}
# labels: very negative, negative, neutral, positive, very positive.
_FIVE_MOODS = ("very negative", "negative", "neutral", "positive", "very positive")


def _five(*words):
    return dict(zip(_FIVE_MOODS, words, strict=True))


_five_mood = label(_FIVE_MOODS)

sst5 = Task(
    name="sst5",
    cluster="sentiment",
    source=hub("SetFit/sst5"),
    example=lambda row: Example({"sentence": _untokenize(row["text"])}, _five_mood(row["label"]), options=_FIVE_MOODS),
    templates=[
        Template(
            "What does the critic think of the film: very negative, negative, neutral, positive or very positive?\n"
            "Critic: {{ sentence }}",
            options="never",
        ),
        Template(
            "Sentence from a review: {{ sentence }}\nOut of five stars, how many does its author seem to give the film? "
            "Answer with a number.",
            words=_five("1", "2", "3", "4", "5"),
            options="never",
        ),
        Template(
            "Sum up in one word what is said of the movie here. The word may be terrible, bad, okay, good or great.\n"
            "What is said: {{ sentence }}",
            words=_five("terrible", "bad", "okay", "good", "great"),
            options="never",
        ),
        Template(
            "Rate the sentiment of this line from a movie review on a scale of five steps.\n{{ options }}\nLine: "
            "{{ sentence }}",
            options="always",
        ),
        Template(
            "In a course on criticism, students grade how warmly a sentence speaks of its film: A stands for glowing, B for "
            "kind, C for indifferent, D for unkind and F for scathing. Grade this one.\nSentence: {{ sentence }}",
            words=_five("F", "D", "C", "B", "A"),
            options="never",
            cue="Grade:",
        ),
        Template(
            'How does "{{ sentence }}" judge the film? Answer negative, neutral or positive, and put "very" in front of '
            "negative or "
            "positive if the judgment is strong.",
            options="never",
        ),
        Template(
            "{{ sentence }}\nThat was a film reviewer. Place the opinion on a scale from -2 for awful to 2 for wonderful, "
            "with 0 for neither.",
            words=_five("-2", "-1", "0", "1", "2"),
            options="never",
        ),
        Template(
            "Going by this sentence alone, should I see the movie?\n{{ options }}\nThe sentence: {{ sentence }}",
            words=_five("definitely not", "probably not", "maybe", "probably", "definitely"),
            options="always",
        ),
        Template("Movie review: {{ sentence }}\nHow positive or negative is it?", cue="Sentiment:"),
        Template(
            "Is this critic delighted, pleased, unmoved, displeased or appalled by the film?\n{{ sentence }}",
            words=_five("appalled", "displeased", "unmoved", "pleased", "delighted"),
            options="never",
        ),
        Template(
            "Write a sentence for a film review. Its tone should be {{ answer }}.",
            "{{ sentence }}",
            kind="inverted",
            name="write_sentence",
        ),
        Template(
            "A critic {% if answer == 'very positive' %}adored{% elif answer == 'positive' %}liked"
            "{% elif answer == 'neutral' %}was in two minds about{% elif answer == 'negative' %}did not care for"
            "{% else %}could not stand{% endif %} a new movie. What might the critic have written about it? One sentence will "
            "do.",
            "{{ sentence }}",
            kind="inverted",
            name="speak_as_critic",
        ),
    ],
    lineage=["rotten_tomatoes", "sst"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    shuffle_options=False,
    licence="unknown",
    link="https://huggingface.co/datasets/SetFit/sst5",
)

# https://huggingface.co/datasets/cornell-movie-review-data/rotten_tomatoes · licence: unknown
# {'text': 'the soundtrack alone is worth the price of admission .', 'label': 1}
# labels: neg, pos.
rotten_tomatoes = Task(
    name="rotten_tomatoes",
    cluster="sentiment",
    source=hub("cornell-movie-review-data/rotten_tomatoes"),
    example=lambda row: Example({"review": _untokenize(row["text"])}, _mood(row["label"]), options=_MOODS),
    templates=[
        Template(
            "The website Rotten Tomatoes marks a favorable review as fresh and an unfavorable one as rotten. Which of the two "
            "was this?\nReview: {{ review }}",
            words={"negative": "rotten", "positive": "fresh"},
            options="never",
        ),
        Template("A critic wrote: {{ review }}\nIs the critic recommending the movie?", words=_NO_YES),
        Template(
            "The verdict of the following one-sentence film review is either positive or negative. Find out which.\n"
            "{{ review }}",
            options="never",
        ),
        Template(
            "Does this sentence give the film good press or bad press? The sentence: {{ review }}",
            words={"negative": "bad press", "positive": "good press"},
            options="never",
        ),
        Template(
            'In the language of show business, a critic who loves a film "raves" and one who hates it "pans" it. Is this '
            "clipping "
            "a rave or a pan?\nClipping: {{ review }}",
            words={"negative": "a pan", "positive": "a rave"},
            options="never",
        ),
        Template("{{ options }}\nNewspaper on a new film: {{ review }}", cue="The paper's verdict:", options="always"),
        Template(
            "Should I buy a ticket or stay at home? Judge by what this reviewer says and by nothing else.\nReviewer: "
            "{{ review }}",
            words={"negative": "stay at home", "positive": "buy a ticket"},
            options="never",
        ),
        Template("What is the sentiment of this capsule review of a movie? {{ review }}"),
        Template(
            "Kim says that the author of this review liked the film. Lee says the opposite. Who has understood the review, "
            "Kim or Lee?\nReview: {{ review }}",
            words={"negative": "Lee", "positive": "Kim"},
            options="never",
        ),
        Template("{{ review }}\nWas the critic who wrote this pleased with the film?", words=_NO_YES, cue="Answer:"),
        Template(
            "Review a film in a single sentence. Your verdict on it is {{ answer }}.",
            "{{ review }}",
            kind="inverted",
            name="write_review",
        ),
        Template(
            "You have just seen a movie that is{% if answer == 'negative' %} not{% endif %} worth the price of a ticket. Send "
            "your newspaper one line about it.",
            "{{ review }}",
            kind="inverted",
            name="send_line",
        ),
    ],
    lineage=["rotten_tomatoes"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/cornell-movie-review-data/rotten_tomatoes",
)

# https://huggingface.co/datasets/tasksource/counterfactually-augmented-imdb · licence: unknown (its source: Apache-2.0)
# {'Sentiment': 'Negative', 'Text': 'Slow paced and unfunny satire about that original "reality TV", the soap opera. ...'}
# Reviews of imdb in which people changed as few words as possible so that the opinion became the opposite.
_OPPOSITES = {"negative": "positive", "positive": "negative"}

cad_imdb = Task(
    name="cad_imdb",
    cluster="sentiment",
    source=hub("tasksource/counterfactually-augmented-imdb"),
    example=lambda row: Example({"review": _one_line(row["Text"])}, row["Sentiment"].lower(), options=_MOODS),
    templates=[
        Template(
            "This film review was edited until it said the opposite of what it used to say. Is it positive or negative now?\n"
            "Review: {{ review }}",
            options="never",
        ),
        Template(
            "A few words of the following movie review were changed in order to reverse its verdict. What was the verdict "
            "before the changes, positive or negative?\nReview after the changes: {{ review }}",
            words=_OPPOSITES,
            options="never",
        ),
        Template(
            "Some words in this text may seem to contradict each other, because somebody has rewritten it. All in all, does "
            "the text recommend the movie?\n{{ review }}",
            words=_NO_YES,
        ),
        Template(
            "Rewritten review: {{ review }}\nWhat opinion of the movie does it express in its present form?", cue="Opinion:"
        ),
        Template(
            "An editor turned praise into blame, or blame into praise, with as few changes as possible. Which of the two does "
            "one read in the result?\nResult: {{ review }}",
            words={"negative": "blame", "positive": "praise"},
            options="never",
        ),
        Template(
            "{{ options }}\nVersion 2 of a review from IMDb: {{ review }}", cue="Sentiment of version 2:", options="always"
        ),
        Template(
            "To see whether a classifier reads carefully, we show it reviews with altered words. What should it say about "
            "this one?\n{{ options }}\n{{ review }}",
            options="always",
        ),
        Template(
            "Pay attention to the words that carry the opinion and ignore the plot. Did the viewer find the film good or "
            "bad?\nViewer: {{ review }}",
            words={"negative": "bad", "positive": "good"},
            options="never",
        ),
        Template(
            "The author of the original review would disagree with every judgment in the version below. So did the author "
            "like the film?\n{{ review }}",
            words={"negative": "yes", "positive": "no"},
            cue="Answer:",
        ),
        Template(
            "A review of a film was given a new slant. After that it was {{ answer }}. What might it look like?",
            "{{ review }}",
            kind="inverted",
            name="new_slant",
        ),
    ],
    lineage=["imdb"],
    evaluation="validation",
    long_fields=["review"],
    licence="unknown",
    link="https://huggingface.co/datasets/tasksource/counterfactually-augmented-imdb",
)

# --- shops, products and apps ----------------------------------------------------------------------------------------
# https://huggingface.co/datasets/fancyzhx/yelp_polarity · licence: unknown
# {'text': 'Unfortunately, the frustration of being Dr. Goldberg\'s patient is a repeat of ...', 'label': 0}
# labels: 1, 2 (one or two stars; four or five stars). Line breaks are written \n.
yelp_polarity = Task(
    name="yelp_polarity",
    cluster="sentiment",
    source=hub("fancyzhx/yelp_polarity", "plain_text"),
    example=lambda row: Example({"review": _one_line(row["text"])}, _mood(row["label"]), options=_MOODS),
    templates=[
        Template("Yelp review: {{ review }}\nWas this customer satisfied?", words=_NO_YES),
        Template(
            "Decide if what a customer says about a local business is positive or negative on the whole.\nCustomer: "
            "{{ review }}",
            options="never",
        ),
        Template(
            "Imagine the owner of the business reading this on Yelp. Will the owner be pleased or upset?\n{{ review }}",
            words={"negative": "upset", "positive": "pleased"},
            options="never",
        ),
        Template(
            'The feedback card says: "{{ review }}"\nIs this in the main a complaint or a compliment?',
            words={"negative": "a complaint", "positive": "a compliment"},
            options="never",
        ),
        Template("Judging by this review, would the reviewer go back to the place?\nReview: {{ review }}", words=_NO_YES),
        Template(
            "Review from Yelp: {{ review }}\nIs the rating that goes with it closer to one star or to five stars?",
            words={"negative": "one star", "positive": "five stars"},
            options="never",
        ),
        Template("Choose the label for this piece of feedback on a business.\n{{ options }}\n{{ review }}", options="always"),
        Template(
            "Hi, I'm going through the reviews of our branch. Could you tell me whether this one is good news or bad news for "
            "us? Thank you!\n{{ review }}",
            words={"negative": "bad news", "positive": "good news"},
            options="never",
        ),
        Template("What is the polarity of the following Yelp review? {{ review }}", cue="Polarity:"),
        Template(
            "Statement: The customer's experience was a good one. Do you agree or disagree with the statement after reading "
            "this review?\nReview: {{ review }}",
            words={"negative": "disagree", "positive": "agree"},
            options="never",
        ),
        Template(
            "Compose a Yelp review of a local business. Its overall tone is {{ answer }}.",
            "{{ review }}",
            kind="inverted",
            name="write_review",
        ),
        Template(
            "You have had a {% if answer == 'positive' %}wonderful{% else %}dreadful{% endif %} time at some place in town. "
            "Tell the people on Yelp about it.",
            "{{ review }}",
            kind="inverted",
            name="tell_yelp",
        ),
    ],
    lineage=["yelp_reviews"],
    evaluation="test",
    long_fields=["review"],
    licence="unknown",
    link="https://huggingface.co/datasets/fancyzhx/yelp_polarity",
)

# https://huggingface.co/datasets/Yelp/yelp_review_full · licence: Yelp dataset license
# {'label': 4, 'text': "dr. goldberg offers everything i look for in a general practitioner.  he's nice and easy to ..."}
# labels: 1 star, 2 star, 3 stars, 4 stars, 5 stars.
_STARS = ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")
_stars = label(_STARS)


def _instead_of_stars(*words):
    return dict(zip(_STARS, words, strict=True))


yelp_review_full = Task(
    name="yelp_review_full",
    cluster="sentiment",
    source=hub("Yelp/yelp_review_full", "yelp_review_full"),
    example=lambda row: Example({"review": _one_line(row["text"])}, _stars(row["label"]), options=_STARS),
    templates=[
        Template(
            "How many stars, from 1 to 5, came with this Yelp review? Reply with the number only.\nReview: {{ review }}",
            words=_instead_of_stars("1", "2", "3", "4", "5"),
            options="never",
        ),
        Template(
            "Customers on Yelp rate a business with one star at worst and five stars at best. Read the review and work out "
            "the rating.\nReview: {{ review }}",
            cue="Rating:",
        ),
        Template(
            "Customer: {{ review }}\nWas this customer's experience terrible, poor, average, good or excellent?",
            words=_instead_of_stars("terrible", "poor", "average", "good", "excellent"),
            options="never",
        ),
        Template(
            "The stars of this review were lost when our database was moved. Please restore them.\nReview text: {{ review }}"
        ),
        Template("{{ review }}\nIf 1 star is the worst mark and 5 stars are the best, which mark fits what is written above?"),
        Template(
            "A survey asks how satisfied people are with a business: very dissatisfied, dissatisfied, neither, satisfied or "
            "very satisfied. Fill it in for the author of this review.\nAuthor: {{ review }}",
            words=_instead_of_stars("very dissatisfied", "dissatisfied", "neither", "satisfied", "very satisfied"),
            options="never",
        ),
        Template(
            "Write the rating that belongs to this review as a fraction of 5, with a slash.\nReview: {{ review }}",
            words=_instead_of_stars("1/5", "2/5", "3/5", "4/5", "5/5"),
            options="never",
        ),
        Template(
            "Match the review with its number of stars.\n{{ options }}\nWhat the reviewer wrote: {{ review }}", options="always"
        ),
        Template(
            'Read this: "{{ review }}"\nIn words, from one to five, how many stars has the reviewer in mind?',
            words=_instead_of_stars("one", "two", "three", "four", "five"),
            options="never",
        ),
        Template(
            "Write a Yelp review of a business to which you give {{ answer }} out of five.",
            "{{ review }}",
            kind="inverted",
            name="write_review",
        ),
        Template(
            "You clicked on {{ answer }} for a place that you went to, and now Yelp asks you to explain why. What do you "
            "write?",
            "{{ review }}",
            kind="inverted",
            name="explain_stars",
        ),
    ],
    lineage=["yelp_reviews"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    long_fields=["review"],
    shuffle_options=False,
    licence="Yelp dataset license",
    link="https://huggingface.co/datasets/Yelp/yelp_review_full",
)

# https://huggingface.co/datasets/fancyzhx/amazon_polarity · licence: Apache-2.0
# {'label': 1, 'title': 'Hayden cooler', 'content': 'This product worked well. Came with all the parts I needed ...'}
# labels: negative, positive (one or two stars; four or five stars).
amazon_polarity = Task(
    name="amazon_polarity",
    cluster="sentiment",
    source=hub("fancyzhx/amazon_polarity", "amazon_polarity"),
    example=lambda row: Example(
        {"title": _one_line(row["title"]), "review": _one_line(row["content"])}, _mood(row["label"]), options=_MOODS
    ),
    templates=[
        Template(
            "Title: {{ title }}\nText: {{ review }}\nIs the buyer who left this product review happy with the purchase?",
            words=_NO_YES,
            when="title",
        ),
        Template("Is this Amazon review positive or negative? {{ review }}", options="never"),
        Template(
            'A shopper gave a review the heading "{{ title }}" and went on: {{ review }}\nWould the shopper buy the product '
            "again?",
            words=_NO_YES,
            when="title",
        ),
        Template(
            "If it were up to the author of this review, would the product be kept or sent back?\nAuthor: {{ review }}",
            words={"negative": "sent back", "positive": "kept"},
            options="never",
        ),
        Template(
            'The title of a review on Amazon is "{{ title }}". Going by the title alone, do you expect the review to be '
            "positive or "
            "negative?",
            when="title",
            options="never",
        ),
        Template("Customer review of a product: {{ review }}\nClassify its sentiment.", cue="Sentiment:"),
        Template(
            'Put this review under one of two headings, "worth the money" or "not worth the money".\nReview: {{ review }}',
            words={"negative": "not worth the money", "positive": "worth the money"},
            options="never",
        ),
        Template(
            "I sell on Amazon and want to be warned of critical reviews. Should I be warned of this one?\n{{ review }}",
            words={"negative": "yes", "positive": "no"},
        ),
        Template(
            "Which of these describes the buyer's opinion?\n{{ options }}\n{% if title %}Buyer, under the title {{ title }}: "
            "{% else %}Buyer: {% endif %}{{ review }}",
            options="always",
        ),
        Template(
            "Write what a{% if answer == 'positive' %} delighted{% else %} disappointed{% endif %} customer might say on "
            "Amazon about a product.",
            "{{ review }}",
            kind="inverted",
            name="write_review",
        ),
        Template(
            "Give this {{ answer }} product review a title.\nReview: {{ review }}",
            "{{ title }}",
            kind="inverted",
            name="write_title",
            when="title",
        ),
        Template(
            'A {{ answer }} Amazon review is headed "{{ title }}". Write the review itself.',
            "{{ review }}",
            kind="inverted",
            name="review_from_title",
            when="title",
        ),
    ],
    lineage=["amazon_reviews"],
    evaluation="test",
    long_fields=["review"],
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/fancyzhx/amazon_polarity",
)

# https://huggingface.co/datasets/sealuzh/app_reviews · licence: unknown
# {'package_name': 'com.mantz_it.rfanalyzer', 'review': 'Great app! The new version now works on my Bravia Android TV ...',
#  'date': 'October 12 2016', 'star': 4}
app_reviews = Task(
    name="app_reviews",
    cluster="sentiment",
    source=hub("sealuzh/app_reviews"),
    example=lambda row: Example(
        {"review": _one_line(row["review"]), "package": row["package_name"].strip()}, _stars(row["star"] - 1), options=_STARS
    ),
    templates=[
        Template(
            "A user of an Android app left this comment in the store: {{ review }}\nWhat rating, from 1 star to 5 stars, did "
            "the user choose?"
        ),
        Template(
            "App: {{ package }}\nComment: {{ review }}\nGuess the number of stars, 1 to 5, from the comment.",
            words=_instead_of_stars("1", "2", "3", "4", "5"),
            options="never",
            cue="Stars:",
        ),
        Template(
            "Is the person who wrote this about an app furious, unhappy, undecided, content or thrilled?\n{{ review }}",
            words=_instead_of_stars("furious", "unhappy", "undecided", "content", "thrilled"),
            options="never",
        ),
        Template(
            "Here is some user feedback on our app. Which star rating do you think it came with?\n{{ options }}\n"
            "Feedback: {{ review }}",
            options="always",
        ),
        Template(
            'Under the app {{ package }} somebody wrote "{{ review }}"\nIs the app, in this user\'s eyes, useless, weak, '
            "fair, "
            "good "
            "or perfect?",
            words=_instead_of_stars("useless", "weak", "fair", "good", "perfect"),
            options="never",
        ),
        Template(
            "Will this user uninstall the app or keep it? Answer certainly uninstall, probably uninstall, undecided, probably "
            "keep or certainly keep.\nUser: {{ review }}",
            words=_instead_of_stars(
                "certainly uninstall", "probably uninstall", "undecided", "probably keep", "certainly keep"
            ),
            options="never",
        ),
        Template("App store review: {{ review }}\nConvert the review into stars, with 5 stars as the maximum."),
        Template(
            "For the weekly report, every comment on the app gets a score in percent: 0% for a user who hates it, then 25%, "
            "50% and 75%, up to 100% for a user who loves it. Score this comment.\n{{ review }}",
            words=_instead_of_stars("0%", "25%", "50%", "75%", "100%"),
            options="never",
            cue="Score:",
        ),
        Template(
            "Ana: Someone has reviewed {{ package }} in the app store.\nBob: How many stars?\nAna: It doesn't say, but the "
            "text is this: {{ review }}",
            options="always",
            cue="Bob: Then it must be",
        ),
        Template(
            "Write a short review that an Android user who rates an app {{ answer }} might leave.",
            "{{ review }}",
            kind="inverted",
            name="write_review",
        ),
        Template(
            "You rate the app {{ package }} with {{ answer }} and are asked for a comment. Write the comment.",
            "{{ review }}",
            kind="inverted",
            name="comment_on_app",
        ),
    ],
    lineage=["app_reviews"],
    metrics=["accuracy", "macro_f1"],
    train="train[:95%]",
    evaluation="train[95%:]",
    long_fields=["review"],
    shuffle_options=False,
    licence="unknown",
    link="https://huggingface.co/datasets/sealuzh/app_reviews",
)


# https://huggingface.co/datasets/SetFit/CR · licence: unknown
# {'text': "many of our disney movies do n't play on this dvd player .", 'label': 0, 'label_text': 'negative'}
# labels: negative, positive. Sentences about cameras, phones, players and the like.
def _cr(row):
    if not re.search("[A-Za-z]", row["text"]):
        raise SkipRow("no words")
    return Example({"remark": _untokenize(row["text"]).rstrip(" :")}, _mood(row["label"]), options=_MOODS)


cr = Task(
    name="cr",
    cluster="sentiment",
    source=hub("SetFit/CR"),
    example=_cr,
    templates=[
        Template(
            "An owner of a gadget writes: {{ remark }}\nIs the owner pointing out a strength or a weakness of the product?",
            words={"negative": "a weakness", "positive": "a strength"},
            options="never",
        ),
        Template("Is this customer's remark on a piece of electronics positive or negative?\n{{ remark }}", options="never"),
        Template(
            "Sort the sentence, which comes from a product review, into pros or cons.\nSentence: {{ remark }}",
            words={"negative": "cons", "positive": "pros"},
            options="never",
        ),
        Template('"{{ remark }}"\nIs the customer content with this aspect of the product?', words=_NO_YES),
        Template("Opinion about a device: {{ remark }}\nWhat is the polarity of the opinion?", cue="Polarity:"),
        Template(
            "Our engineers read only the remarks that report a problem. Should they read this one?\nRemark: {{ remark }}",
            words={"negative": "yes", "positive": "no"},
        ),
        Template(
            "Here is one sentence that a buyer wrote about a camera, a phone, a player or something similar. Choose the label "
            "for it.\n{{ options }}\n{{ remark }}",
            options="always",
        ),
        Template(
            "Question from a marketing exam. Would the manufacturer rather publish or hide the following comment by a "
            "customer?\nComment: {{ remark }}",
            words={"negative": "hide", "positive": "publish"},
            options="never",
        ),
        Template("Which sentiment about the product comes across in this line from a review? {{ remark }}"),
        Template(
            "I'm thinking of buying this product. Does this sentence from a review speak for it or against it?\n{{ remark }}",
            words={"negative": "against it", "positive": "for it"},
            options="never",
        ),
        Template(
            "Make a {{ answer }} remark about an electronic product that you own.",
            "{{ remark }}",
            kind="inverted",
            name="write_remark",
        ),
        Template(
            "{% if answer == 'positive' %}Name something that a customer likes{% else %}Report something that annoys a "
            "customer{% endif %} about a camera, a phone or a player, in the customer's own words.",
            "{{ remark }}",
            kind="inverted",
            name="customer_voice",
        ),
    ],
    lineage=["customer_reviews_hu_liu"],
    evaluation="test",
    long_fields=["remark"],
    licence="unknown",
    link="https://huggingface.co/datasets/SetFit/CR",
)

# --- finance and poetry ----------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/takala/financial_phrasebank · licence: CC BY-NC-SA 3.0
# {'sentence': 'According to Gran , the company has no plans to move all production to Russia , although that is where ...',
#  'label': 1}
# labels: negative, neutral, positive, from the point of view of an investor.
_THREE_MOODS = ("negative", "neutral", "positive")
_three_mood = label(_THREE_MOODS)

financial_phrasebank = Task(
    name="financial_phrasebank",
    cluster="sentiment",
    source=hub("takala/financial_phrasebank", "sentences_50agree", revision="refs/convert/parquet"),
    example=lambda row: Example({"news": _untokenize(row["sentence"])}, _three_mood(row["label"]), options=_THREE_MOODS),
    templates=[
        Template(
            "Financial news: {{ news }}\nFor an investor in the company, is this positive, negative or neutral news?",
            options="never",
        ),
        Template(
            "Read a sentence from the business pages and say whether it should push the share price up, push it down or leave "
            "it unmoved.\nSentence: {{ news }}",
            words={"negative": "push it down", "neutral": "leave it unmoved", "positive": "push it up"},
            options="never",
        ),
        Template("What is the sentiment of this statement from the standpoint of an investor? {{ news }}"),
        Template(
            'A trading program gets the headline "{{ news }}" and must take it as a signal to buy, hold or sell. Which signal '
            "is it?",
            words={"negative": "sell", "neutral": "hold", "positive": "buy"},
            options="never",
        ),
        Template(
            "Label the sentence as an analyst would who follows companies on the Helsinki exchange.\n{{ options }}\n"
            "Sentence: {{ news }}",
            options="always",
        ),
        Template(
            "Are traders likely to be bullish, bearish or indifferent after reading the following?\n{{ news }}",
            words={"negative": "bearish", "neutral": "indifferent", "positive": "bullish"},
            options="never",
        ),
        Template("From a company report: {{ news }}\nClassify the financial sentiment.", cue="Sentiment:"),
        Template(
            "I own shares in the company named here. Is what I'm reading good news, bad news or neither?\n{{ news }}",
            words={"negative": "bad news", "neutral": "neither", "positive": "good news"},
            options="never",
        ),
        Template(
            '"{{ news }}"\nHow does this affect the outlook of the company? Reply with better, worse or unchanged.',
            words={"negative": "worse", "neutral": "unchanged", "positive": "better"},
            options="never",
        ),
        Template(
            "Write one sentence of company news that an investor would read as {{ answer }}.",
            "{{ news }}",
            kind="inverted",
            name="write_news",
        ),
        Template(
            "You report on the stock market. Write a sentence about a company{% if answer == 'negative' %} that is in "
            "difficulty{% elif answer == 'positive' %} that is doing well{% else %} without any hint at whether it is doing "
            "well or badly{% endif %}.",
            "{{ news }}",
            kind="inverted",
            name="report_on_company",
        ),
    ],
    lineage=["financial_phrasebank"],
    metrics=["accuracy", "macro_f1"],
    train="train[:90%]",
    evaluation="train[90%:]",
    licence="CC BY-NC-SA 3.0",
    link="https://huggingface.co/datasets/takala/financial_phrasebank",
)

# https://huggingface.co/datasets/google-research-datasets/poem_sentiment · licence: CC BY 4.0
# {'id': 0, 'verse_text': 'with pale blue berries. in these peaceful shades--', 'label': 1}
# labels: negative, positive, no_impact, mixed.
_VERSE_MOODS = ("negative", "positive", "neutral", "mixed")
_verse_mood = label(_VERSE_MOODS)

poem_sentiment = Task(
    name="poem_sentiment",
    cluster="sentiment",
    source=hub("google-research-datasets/poem_sentiment"),
    example=lambda row: Example(
        {"verse": _one_line(row["verse_text"].replace("--", " - ")).rstrip(" -")},
        _verse_mood(row["label"]),
        options=_VERSE_MOODS,
    ),
    templates=[
        Template(
            "Line of verse: {{ verse }}\nIs the feeling in it positive, negative, mixed or neutral? A line without any "
            "feeling counts as neutral.",
            options="never",
        ),
        Template("What mood does this line from a poem convey?\n{{ options }}\n{{ verse }}", options="always"),
        Template(
            "An anthologist sorts single lines of poetry into bright, dark, both and neither. Where does this line go?\n"
            "Line: {{ verse }}",
            words={"negative": "dark", "positive": "bright", "neutral": "neither", "mixed": "both"},
            options="never",
        ),
        Template("Classify the sentiment of the poem's line.\nLine: {{ verse }}", cue="Sentiment:"),
        Template(
            'A poet writes "{{ verse }}"\nDo these words express pleasant feelings, unpleasant feelings, both or none?',
            words={"negative": "unpleasant feelings", "positive": "pleasant feelings", "neutral": "none", "mixed": "both"},
            options="never",
        ),
        Template(
            "In English class you are asked about the tone of the words below. Call it negative, positive, neutral or "
            "mixed, and keep mixed for words that are glad and sorrowful at once.\nWords: {{ verse }}",
            options="never",
        ),
        Template("Verse: {{ verse }}\nWhich sentiment, if any, would a reader find here?"),
        Template(
            "We are setting poems to music. Should this line be sung in a major key, in a minor key, in a blend of the two, "
            "or without any color?\n{{ verse }}",
            words={
                "negative": "in a minor key",
                "positive": "in a major key",
                "neutral": "without any color",
                "mixed": "in a blend of the two",
            },
            options="never",
        ),
        Template(
            "Joy, sorrow, a mixture, or nothing of the kind: which do you hear in this verse?\n{{ verse }}",
            words={"negative": "sorrow", "positive": "joy", "neutral": "nothing of the kind", "mixed": "a mixture"},
            options="never",
        ),
        Template(
            "Write a line of poetry {% if answer == 'neutral' %}that carries no emotion{% elif answer == 'mixed' %}in which "
            "good and bad feelings are mixed{% else %}with a {{ answer }} mood{% endif %}.",
            "{{ verse }}",
            kind="inverted",
            name="write_verse",
        ),
    ],
    lineage=["poem_sentiment", "gutenberg_poetry"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/google-research-datasets/poem_sentiment",
)

# --- tweets ----------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/stanfordnlp/sentiment140 · licence: unknown
# {'text': '@Kenichan I dived many times for the ball. Managed to save 50%  The rest go out of bounds',
#  'date': 'Mon Apr 06 22:20:00 PDT 2009', 'user': 'mattycus', 'sentiment': 0, 'query': 'NO_QUERY'}
# sentiment: 0 negative, 2 neutral (some rows of test only, left out as in FLAN), 4 positive. The labels of train were made from
# smileys, which were then taken out.
_POLARITIES = {0: "negative", 4: "positive"}


def _sentiment140(row):
    if row["sentiment"] == 2:
        raise SkipRow("neutral")
    return Example({"tweet": _tweet(row["text"])}, _POLARITIES[row["sentiment"]], options=_MOODS)


sentiment140 = Task(
    name="sentiment140",
    cluster="sentiment",
    source=hub("stanfordnlp/sentiment140", "sentiment140", revision="refs/convert/parquet"),
    example=_sentiment140,
    templates=[
        Template("Is the mood of this tweet negative or positive? Tweet: {{ tweet }}", options="never"),
        Template("Tweet: {{ tweet }}\nDoes the person who posted this sound happy?", words=_NO_YES),
        Template(
            "A tweet has lost the smiley at its end. Was it :) or :( ?\nThe tweet: {{ tweet }}",
            words={"negative": ":(", "positive": ":)"},
            options="never",
        ),
        Template("{{ options }}\nPosted on Twitter in 2009: {{ tweet }}", cue="Attitude of the author:", options="always"),
        Template(
            "By the sound of it, is the author of these words having a good day or a bad day?\n{{ tweet }}",
            words={"negative": "a bad day", "positive": "a good day"},
            options="never",
        ),
        Template(
            'Which does the message "{{ tweet }}" express, pleasure or displeasure?',
            words={"negative": "displeasure", "positive": "pleasure"},
            options="never",
        ),
        Template("What sentiment does this tweet carry?\n{{ tweet }}"),
        Template(
            "We draw a curve of the mood on Twitter. Every tweet moves it either up or down. How does this one move it?\n"
            "Tweet: {{ tweet }}",
            words={"negative": "down", "positive": "up"},
            options="never",
        ),
        Template("Is somebody grumbling here?\n{{ options }}\nPost: {{ tweet }}", words={"negative": "yes", "positive": "no"}),
        Template("Short message: {{ tweet }}\nDetermine its polarity.", cue="Polarity:"),
        Template("Write a {{ answer }} tweet about everyday life.", "{{ tweet }}", kind="inverted", name="write_tweet"),
        Template(
            "Post something on Twitter that lets your friends see how {% if answer == 'positive' %}glad{% else %}fed up"
            "{% endif %} you are.",
            "{{ tweet }}",
            kind="inverted",
            name="post_feeling",
        ),
    ],
    lineage=["sentiment140"],
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/stanfordnlp/sentiment140",
)

# https://huggingface.co/datasets/cardiffnlp/tweet_eval (sentiment) · licence: unknown
# {'text': '"National hot dog day, national tequila day, then national dance day... Sounds like a Friday night." ', 'label': 2}
# labels: negative, neutral, positive. SemEval-2017 task 4.
tweet_sentiment = Task(
    name="tweet_sentiment",
    cluster="sentiment",
    source=hub("cardiffnlp/tweet_eval", "sentiment"),
    example=lambda row: Example({"tweet": _tweet(row["text"])}, _three_mood(row["label"]), options=_THREE_MOODS),
    templates=[
        Template(
            "Does the author of this tweet speak in a positive, a negative or a neutral tone? {{ tweet }}", options="never"
        ),
        Template("Tweet: {{ tweet }}\nWhat is its sentiment?"),
        Template(
            "A politician's office sorts what people tweet into support, criticism and plain information. Sort this tweet.\n"
            "{{ tweet }}",
            words={"negative": "criticism", "neutral": "plain information", "positive": "support"},
            options="never",
        ),
        Template(
            "Choose the emoji that could be put under the post: a smiling face, a straight face or a frowning face.\n"
            "Post: {{ tweet }}",
            words={"negative": "a frowning face", "neutral": "a straight face", "positive": "a smiling face"},
            options="never",
        ),
        Template("{{ options }}\nSeen on Twitter: {{ tweet }}", cue="Sentiment:", options="always"),
        Template(
            "Score the tweet: 1 if its author likes what it is about, -1 if the author dislikes it, and 0 if the author takes "
            "no side.\nTweet: {{ tweet }}",
            words={"negative": "-1", "neutral": "0", "positive": "1"},
            options="never",
            cue="Score:",
        ),
        Template(
            "Is the person below pleased, displeased or merely reporting?\n{{ tweet }}",
            words={"negative": "displeased", "neutral": "merely reporting", "positive": "pleased"},
            options="never",
        ),
        Template("Our dashboard needs a sentiment label for the following message from social media.\nMessage: {{ tweet }}"),
        Template(
            'Someone tweets "{{ tweet }}"\nRead between the lines and decide which of {{ choices[:-1] | join(", ") }} and '
            "{{ choices[-1] }} describes the "
            "attitude best."
        ),
        Template(
            "The tweet under this line was shown to several people, who voted on its sentiment. How did most of them vote?\n"
            "{{ options }}\nTweet: {{ tweet }}"
        ),
        Template(
            "Write a tweet about something in the news or something that is coming up. Its sentiment should be {{ answer }}.",
            "{{ tweet }}",
            kind="inverted",
            name="write_tweet",
        ),
    ],
    lineage=["semeval2017_task4"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/cardiffnlp/tweet_eval",
)

# https://huggingface.co/datasets/cardiffnlp/tweet_eval (emotion) · licence: unknown
# {'text': "No but that's so cute. Atsu was probably shy about photos before but cherry helped her out uwu ", 'label': 1}
# labels: anger, joy, optimism, sadness. SemEval-2018 task 1.
_TWEET_EMOTIONS = ("anger", "joy", "optimism", "sadness")
_tweet_emotion = label(_TWEET_EMOTIONS)

tweet_emotion = Task(
    name="tweet_emotion",
    cluster="sentiment",
    source=hub("cardiffnlp/tweet_eval", "emotion"),
    example=lambda row: Example({"tweet": _tweet(row["text"])}, _tweet_emotion(row["label"]), options=_TWEET_EMOTIONS),
    templates=[
        Template("Which emotion does this tweet express: anger, joy, optimism or sadness?\n{{ tweet }}", options="never"),
        Template("Someone posted the message below. Name the feeling behind it.\n{{ options }}\nMessage: {{ tweet }}"),
        Template(
            "Tweet: {{ tweet }}\nIs its author angry, happy, hopeful or sad?",
            words={"anger": "angry", "joy": "happy", "optimism": "hopeful", "sadness": "sad"},
            options="never",
        ),
        Template(
            'The feeling that shows most clearly in the tweet "{{ tweet }}" is one of these: {{ choices | join(", ") }}. '
            "Which one is it?"
        ),
        Template("Twitter user: {{ tweet }}\nWhat does this user feel?", cue="Emotion:"),
        Template(
            "Which picture goes with this tweet: a clenched fist, a laughing face, a rising sun or a tear?\n{{ tweet }}",
            words={"anger": "a clenched fist", "joy": "a laughing face", "optimism": "a rising sun", "sadness": "a tear"},
            options="never",
        ),
        Template("Assign one of the emotions to the post.\n{{ options }}\nPost: {{ tweet }}", options="always"),
        Template(
            "For a study of moods on social media, a volunteer codes every tweet with a letter: A for anger, J for joy, O for "
            "optimism and S for sadness. Which letter does this tweet get?\n{{ tweet }}",
            words={"anger": "A", "joy": "J", "optimism": "O", "sadness": "S"},
            options="never",
            cue="Code:",
        ),
        Template("How is the writer of these lines feeling? Answer with a noun for the emotion.\nLines: {{ tweet }}"),
        Template("Write a tweet that shows {{ answer }}.", "{{ tweet }}", kind="inverted", name="write_tweet"),
        Template(
            "You are {% if answer == 'anger' %}furious{% elif answer == 'joy' %}delighted{% elif answer == 'optimism' %}full "
            "of hope{% else %}miserable{% endif %}, and you want the world to know it. What do you tweet?",
            "{{ tweet }}",
            kind="inverted",
            name="tweet_feeling",
        ),
    ],
    lineage=["semeval2018_task1"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/cardiffnlp/tweet_eval",
)

# https://huggingface.co/datasets/cardiffnlp/tweet_eval (irony) · licence: unknown
# {'text': 'seeing ppl walking w/ crutches makes me really excited for the next 3 weeks of my life  ', 'label': 1}
# labels: non_irony, irony. SemEval-2018 task 3.
_IRONIC = ("not ironic", "ironic")
_irony = label(_IRONIC)
_NOT_IRONIC_NO = {"not ironic": "no", "ironic": "yes"}

tweet_irony = Task(
    name="tweet_irony",
    cluster="sentiment",
    source=hub("cardiffnlp/tweet_eval", "irony"),
    example=lambda row: Example({"tweet": _tweet(row["text"])}, _irony(row["label"]), options=_IRONIC),
    templates=[
        Template("Is this tweet meant ironically?\nTweet: {{ tweet }}", words=_NOT_IRONIC_NO),
        Template("Decide whether the following tweet is ironic or not ironic.\n{{ tweet }}", options="never"),
        Template(
            "{{ tweet }}\nDoes the author of this tweet mean it straight, or tongue in cheek?",
            words={"not ironic": "straight", "ironic": "tongue in cheek"},
            options="never",
        ),
        Template(
            'Suppose that "{{ tweet }}" has to be read by a computer that takes every word literally. Would the computer get '
            "it "
            "right or wrong?",
            words={"not ironic": "right", "ironic": "wrong"},
            options="never",
        ),
        Template("{{ options }}\nTweet: {{ tweet }}", cue="This tweet is", options="always"),
        Template(
            "My phone won't let me see whether people are joking. Does the person here say one thing and mean another?\n"
            "{{ tweet }}",
            words=_NOT_IRONIC_NO,
        ),
        Template(
            "Sincere or sarcastic? Say which of the two this post is.\nPost: {{ tweet }}",
            words={"not ironic": "sincere", "ironic": "sarcastic"},
            options="never",
        ),
        Template(
            "Before hashtags such as #irony and #not were removed, tweets were collected with them. Do you think that this "
            "tweet had one?\n{{ tweet }}",
            words=_NOT_IRONIC_NO,
            cue="Answer:",
        ),
        Template(
            "In a lesson on rhetoric, the class looks for irony in tweets. Write present if there is irony in the one below, "
            "or absent if there is none.\nTweet: {{ tweet }}",
            words={"not ironic": "absent", "ironic": "present"},
            options="never",
        ),
        Template(
            "Write a tweet{% if answer == 'ironic' %} in which you say the opposite of what you mean{% else %} that means "
            "exactly what it says{% endif %}.",
            "{{ tweet }}",
            kind="inverted",
            name="write_tweet",
        ),
    ],
    lineage=["semeval2018_task3"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/cardiffnlp/tweet_eval",
)

# https://huggingface.co/datasets/cardiffnlp/tweet_eval (offensive) · licence: unknown
# {'text': '@user Eight years the republicans denied obama’s picks. Breitbarters outrage is as phony as their fake president. ',
#  'label': 1}
# labels: non-offensive, offensive. SemEval-2019 task 6 (OLID).
_OFFENSIVE = ("not offensive", "offensive")
_offense = label(_OFFENSIVE)
_NOT_OFFENSIVE_NO = {"not offensive": "no", "offensive": "yes"}

tweet_offensive = Task(
    name="tweet_offensive",
    cluster="sentiment",
    source=hub("cardiffnlp/tweet_eval", "offensive"),
    example=lambda row: Example({"tweet": _tweet(row["text"])}, _offense(row["label"]), options=_OFFENSIVE),
    templates=[
        Template("Does this tweet contain insults, threats or swear words?\nTweet: {{ tweet }}", words=_NOT_OFFENSIVE_NO),
        Template("Say whether the post below is offensive or not offensive.\nPost: {{ tweet }}", options="never"),
        Template(
            'A forum deletes rude messages and lets the others stand. What happens to "{{ tweet }}"? Answer deleted or kept.',
            words={"not offensive": "kept", "offensive": "deleted"},
            options="never",
        ),
        Template(
            "{{ tweet }}\nIs the language of this tweet civil or uncivil?",
            words={"not offensive": "civil", "offensive": "uncivil"},
            options="never",
        ),
        Template("You are a moderator. Give the tweet its label.\n{{ options }}\nTweet: {{ tweet }}", options="always"),
        Template("Might somebody take offense at this?\n{{ tweet }}", words=_NOT_OFFENSIVE_NO, cue="Answer:"),
        Template(
            "We show only clean tweets on the screen behind the stage. May this one be shown?\nTweet: {{ tweet }}",
            words={"not offensive": "yes", "offensive": "no"},
        ),
        Template(
            "Rate the tweet as acceptable or unacceptable in polite company.\n{{ tweet }}",
            words={"not offensive": "acceptable", "offensive": "unacceptable"},
            options="never",
            cue="Rating:",
        ),
        Template(
            "The guidelines of the platform forbid profanity and attacks on people. True or false: this tweet breaks them.\n"
            "{{ tweet }}",
            words={"not offensive": "False", "offensive": "True"},
            options="never",
        ),
        Template("Tweet under review: {{ tweet }}\nIs it offensive?", words=_NOT_OFFENSIVE_NO),
    ],
    lineage=["semeval2019_task6", "olid"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/cardiffnlp/tweet_eval",
)

# https://huggingface.co/datasets/cardiffnlp/tweet_eval (hate) · licence: unknown
# {'text': '@user nice new signage. Are you not concerned by Beatlemania -style hysterical crowds crongregating on you… ',
#  'label': 0}
# labels: non-hate, hate. SemEval-2019 task 5: hate against immigrants or women.
_HATEFUL = ("not hateful", "hateful")
_hate = label(_HATEFUL)
_NOT_HATEFUL_NO = {"not hateful": "no", "hateful": "yes"}

tweet_hate = Task(
    name="tweet_hate",
    cluster="sentiment",
    source=hub("cardiffnlp/tweet_eval", "hate"),
    example=lambda row: Example({"tweet": _tweet(row["text"])}, _hate(row["label"]), options=_HATEFUL),
    templates=[
        Template("Does this tweet spread hatred of women or immigrants?\nTweet: {{ tweet }}", words=_NOT_HATEFUL_NO),
        Template(
            "Hate speech attacks people for what they are, for instance for being women or immigrants. By this definition, is "
            "the tweet hateful or not hateful?\n{{ tweet }}",
            options="never",
        ),
        Template(
            "Tweet: {{ tweet }}\nWould you report it as hate speech or let it pass?",
            words={"not hateful": "let it pass", "hateful": "report it"},
            options="never",
        ),
        Template(
            "A filter stops tweets that show contempt for women or foreigners as a group. Should it stop this one?\n"
            "{{ options }}\n{{ tweet }}",
            words=_NOT_HATEFUL_NO,
        ),
        Template(
            "{{ options }}\nA post that was flagged by a user: {{ tweet }}", cue="Decision of the moderator:", options="always"
        ),
        Template(
            'True or false: whoever wrote "{{ tweet }}" degrades women or immigrants.',
            words={"not hateful": "False", "hateful": "True"},
            options="never",
        ),
        Template(
            "Label the message with 1 if it is hate speech against immigrants or women, and with 0 if it is not.\n"
            "Message: {{ tweet }}",
            words={"not hateful": "0", "hateful": "1"},
            options="never",
            cue="Label:",
        ),
        Template(
            "Can this message be published without harm to immigrants or women?\n{{ tweet }}",
            words={"not hateful": "yes", "hateful": "no"},
        ),
        Template(
            "{{ tweet }}\nPeople disagree about the tweet above. Some call it hate speech and some call it harmless. With "
            "whom do you side? Answer hate speech or harmless.",
            words={"not hateful": "harmless", "hateful": "hate speech"},
            options="never",
        ),
        Template(
            "Is the tweet hateful toward a group of people?\nTweet to check: {{ tweet }}", words=_NOT_HATEFUL_NO, cue="Answer:"
        ),
    ],
    lineage=["semeval2019_task5", "hateval"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/cardiffnlp/tweet_eval",
)

# https://huggingface.co/datasets/tdavidson/hate_speech_offensive · licence: MIT
# {'count': 3, 'hate_speech_count': 0, 'offensive_language_count': 0, 'neither_count': 3, 'class': 2,
#  'tweet': "!!! RT @mayasolovely: As a woman you shouldn't complain about cleaning up your house. &amp; as a man you ..."}
# class: hate speech, offensive language, neither.
_SPEECH = ("hate speech", "offensive language", "neither")
_speech = label(_SPEECH)

hate_speech_offensive = Task(
    name="hate_speech_offensive",
    cluster="sentiment",
    source=hub("tdavidson/hate_speech_offensive"),
    example=lambda row: Example({"tweet": _tweet(row["tweet"])}, _speech(row["class"]), options=_SPEECH),
    templates=[
        Template("Is this tweet hate speech, offensive language or neither?\n{{ tweet }}", options="never"),
        Template(
            "Coarse words alone are not hate speech; an attack on a group is. With that in mind, classify the tweet as hate "
            "speech, as offensive language or as neither.\nTweet: {{ tweet }}",
            options="never",
        ),
        Template(
            "Our rules: hateful tweets are removed, vulgar ones are hidden behind a warning, and all others are shown. What "
            "becomes of this tweet?\nTweet: {{ tweet }}",
            words={
                "hate speech": "it is removed",
                "offensive language": "it is hidden behind a warning",
                "neither": "it is shown",
            },
            options="never",
        ),
        Template("Choose the category that three readers would agree on.\n{{ options }}\nTweet: {{ tweet }}", options="always"),
        Template(
            "Tweet: {{ tweet }}\nHow bad is this? Reply with hateful, merely vulgar or harmless.",
            words={"hate speech": "hateful", "offensive language": "merely vulgar", "neither": "harmless"},
            options="never",
        ),
        Template(
            "On a scale of harm, 0 means clean, 1 means offensive and 2 means hateful. Where is the following tweet?\n"
            "{{ tweet }}",
            words={"hate speech": "2", "offensive language": "1", "neither": "0"},
            options="never",
            cue="Harm:",
        ),
        Template(
            'A reader complains about the tweet "{{ tweet }}"\nWhat should the complaint be filed under?', options="always"
        ),
        Template("{{ options }}\nThe tweet in question: {{ tweet }}", cue="A moderator would call it", options="always"),
        Template(
            "Does the author of this tweet attack a group, swear without attacking a group, or do neither?\n{{ tweet }}",
            words={
                "hate speech": "attack a group",
                "offensive language": "swear without attacking a group",
                "neither": "do neither",
            },
            options="never",
        ),
        Template(
            "Traffic lights for tweets: red for hate, yellow for bad language, green for everything else. Which light does "
            "this tweet get?\n{{ tweet }}",
            words={"hate speech": "red", "offensive language": "yellow", "neither": "green"},
            options="never",
        ),
    ],
    lineage=["davidson_2017"],
    metrics=["accuracy", "macro_f1"],
    train="train[:90%]",
    evaluation="train[90%:]",
    licence="MIT",
    link="https://huggingface.co/datasets/tdavidson/hate_speech_offensive",
)


# https://huggingface.co/datasets/odegiber/hate_speech18 · licence: CC BY-SA 3.0 ES
# {'text': 'As of March 13th , 2014 , the booklet had been downloaded over 18,300 times and counting .', 'user_id': 572066,
#  'subforum_id': 1346, 'num_contexts': 0, 'label': 0}
# labels: noHate, hate, idk/skip, relation (hateful only together with other sentences). The last two are left out.
def _hate_speech18(row):
    if row["label"] not in (0, 1):
        raise SkipRow("not judged by itself")
    if not re.search("[A-Za-z]{2}", row["text"]):
        raise SkipRow("no words")
    return Example({"sentence": _untokenize(row["text"]).strip(" :")}, _hate(row["label"]), options=_HATEFUL)


hate_speech18 = Task(
    name="hate_speech18",
    cluster="sentiment",
    source=hub("odegiber/hate_speech18", revision="refs/convert/parquet"),
    example=_hate_speech18,
    templates=[
        Template(
            "The sentence below is from a forum of extremists, most of whose sentences are harmless by themselves. Is this "
            "one hateful or not hateful?\nSentence: {{ sentence }}",
            options="never",
        ),
        Template(
            "Does the author deliberately attack people because they belong to some group?\n{{ sentence }}",
            words=_NOT_HATEFUL_NO,
        ),
        Template(
            "Researchers count a sentence as hate speech if it is meant to hurt people because of their identity. Would they "
            "count this one?\n{{ options }}\n{{ sentence }}",
            words=_NOT_HATEFUL_NO,
        ),
        Template(
            'From a discussion board: "{{ sentence }}"\nIs there hate in these words, or is there none?',
            words={"not hateful": "there is none", "hateful": "there is hate"},
            options="never",
        ),
        Template(
            "Annotate the sentence for a study of hate speech.\n{{ options }}\nSentence: {{ sentence }}", options="always"
        ),
        Template(
            "The team that watches extremist forums marks a sentence red if it insults or threatens a people, a religion or "
            "some other group, and gray if it does not. Red or gray?\n{{ sentence }}",
            words={"not hateful": "gray", "hateful": "red"},
            options="never",
        ),
        Template(
            "Statement: {{ sentence }}\nChoose the label that a reader trained to find hate speech would give it.",
            options="always",
            cue="It is",
        ),
        Template(
            "You have to file a report about every racist or otherwise hateful sentence that you meet on this board. Do you "
            "file one here?\n{{ sentence }}",
            words=_NOT_HATEFUL_NO,
            cue="Answer:",
        ),
        Template(
            "Is the following an ordinary remark or an attack on a group of people?\nForum user: {{ sentence }}",
            words={"not hateful": "an ordinary remark", "hateful": "an attack on a group of people"},
            options="never",
        ),
        Template(
            "Judge the sentence alone and not the place where it was posted. True or false: it is hate speech.\n{{ sentence }}",
            words={"not hateful": "False", "hateful": "True"},
            options="never",
        ),
    ],
    lineage=["hate_speech18", "stormfront"],
    metrics=["accuracy", "macro_f1"],
    train="train[:90%]",
    evaluation="train[90%:]",
    long_fields=["sentence"],
    licence="CC BY-SA 3.0 ES",
    link="https://huggingface.co/datasets/odegiber/hate_speech18",
)

# https://huggingface.co/datasets/dair-ai/emotion · licence: unknown
# {'text': 'im grabbing a minute to post i feel greedy wrong', 'label': 3}
# labels: sadness, joy, love, anger, fear, surprise. Tweets in lower case without punctuation.
_EMOTIONS = ("sadness", "joy", "love", "anger", "fear", "surprise")
_emotion = label(_EMOTIONS)

emotion = Task(
    name="emotion",
    cluster="sentiment",
    source=hub("dair-ai/emotion", "split"),
    example=lambda row: Example({"text": _one_line(row["text"])}, _emotion(row["label"]), options=_EMOTIONS),
    templates=[
        Template(
            'Which of sadness, joy, love, anger, fear and surprise is the main emotion of somebody who says "{{ text }}"?',
            options="never",
        ),
        Template("Name the emotion in this sentence.\n{{ options }}\nSentence: {{ text }}", options="always"),
        Template(
            'A friend says to you, "{{ text }}"\nWould you say that your friend is sad, happy, full of love, angry, scared or '
            "surprised?",
            words={
                "sadness": "sad",
                "joy": "happy",
                "love": "full of love",
                "anger": "angry",
                "fear": "scared",
                "surprise": "surprised",
            },
            options="never",
        ),
        Template("{{ text }}\nWhat emotion do these words tell of?", cue="Emotion:"),
        Template(
            "From a diary: {{ text }}\nThe psychologist who reads the diary notes one emotion beside each entry. What is "
            "noted here?"
        ),
        Template("Feeling wheel with the fields {{ choices | join(', ') }}. Into which field does this fall?\n{{ text }}"),
        Template(
            "A listener on a helpline must write down how the caller feels. The choice is between "
            "{{ choices[:-1] | join(', ') }} and {{ choices[-1] }}.\nCaller: {{ text }}",
            cue="The caller feels",
        ),
        Template(
            "Choose an emotion and complete the record.\n{{ options }}\nMessage: {{ text }}", cue="Mood:", options="always"
        ),
        Template("What is this person mainly feeling? One noun is enough.\nPerson: {{ text }}"),
        Template(
            'Describe your state of mind in one sentence that begins with "i" and makes your {{ answer }} plain.',
            "{{ text }}",
            kind="inverted",
            name="describe_state",
            when="text.startswith('i ')",
        ),
        Template(
            "Write, all in lower case, what a person whose strongest feeling is {{ answer }} might post.",
            "{{ text }}",
            kind="inverted",
            name="write_post",
        ),
    ],
    lineage=["carer_emotion"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/dair-ai/emotion",
)

# --- Reddit ----------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/google-research-datasets/go_emotions (simplified) · licence: Apache-2.0
# {'text': "My favourite food is anything I didn't have to cook myself.", 'labels': [27], 'id': 'eebbqej'}
# labels: the 28 below, 27 = neutral. Comments with several labels are left out.
_GO_EMOTIONS = (
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire", "disappointment",
    "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy", "love", "nervousness",
    "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral",
)  # fmt: skip
_go_emotion = label(_GO_EMOTIONS)


def _go_emotions(row):
    if len(row["labels"]) != 1:
        raise SkipRow("several emotions")
    return Example({"comment": _one_line(row["text"])}, _go_emotion(row["labels"][0]), options=_GO_EMOTIONS)


go_emotions = Task(
    name="go_emotions",
    cluster="sentiment",
    source=hub("google-research-datasets/go_emotions", "simplified"),
    example=_go_emotions,
    templates=[
        Template("What emotion does this Reddit comment express?\n{{ options }}\nComment: {{ comment }}", options="always"),
        Template(
            "Name the emotion in the comment, as precisely as you can: annoyance rather than anger if it is mild, for "
            "instance. If there is none, say neutral.\nComment: {{ comment }}"
        ),
        Template("Reddit user: {{ comment }}\nWhich single emotion is behind this? Write neutral if it is matter-of-fact."),
        Template(
            "These are the names of 27 emotions, and neutral: {{ choices | join(', ') }}. Which fits the comment below?\n"
            "{{ comment }}"
        ),
        Template('"{{ comment }}"\nTag this post with the feeling that it conveys, or with neutral.', cue="Tag:"),
        Template("{{ comment }}\n{{ options }}\nPick what the author of the comment felt while typing.", options="always"),
        Template(
            "I can't read the mood of this reply to my post. Put a word to it for me, please.\n{{ options }}\nReply: "
            "{{ comment }}",
            options="always",
        ),
        Template("Comment: {{ comment }}\nEmotion, in one word (neutral if there is none)?", options="never"),
        Template(
            "Write a comment for Reddit {% if answer == 'neutral' %}that shows no emotion{% else %}in which one notices your "
            "{{ answer }}{% endif %}.",
            "{{ comment }}",
            kind="inverted",
            name="write_comment",
        ),
        Template(
            "{% if answer == 'neutral' %}Something that you have read on Reddit leaves you cold.{% else %}You answer something "
            "on Reddit, and your words show {{ answer }}.{% endif %} Write the reply, in a sentence or two.",
            "{{ comment }}",
            kind="inverted",
            name="reply_with_feeling",
        ),
    ],
    lineage=["go_emotions"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/google-research-datasets/go_emotions",
)

sentiment = Mixture(
    name="sentiment",
    parts=[
        *(imdb, cad_imdb, sst2, sst5, rotten_tomatoes),
        *(yelp_polarity, yelp_review_full, amazon_polarity, app_reviews, cr),
        *(financial_phrasebank, poem_sentiment),
        *(
            sentiment140,
            tweet_sentiment,
            tweet_emotion,
            tweet_irony,
            tweet_offensive,
            tweet_hate,
            hate_speech_offensive,
            hate_speech18,
            emotion,
        ),
        go_emotions,
    ],
    rate=proportional(cap=3000),
)
