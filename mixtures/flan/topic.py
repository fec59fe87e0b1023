"""Topic: what a text is about, what a question asks for, what a customer wants, and other sorting of texts by content.

FLAN's sets are ag_news, which it keeps under summarization, and trec, in a cluster of its own, question classification. T0's
cluster is ag_news, dbpedia_14 and trec. All can still be had as data. Added here are the topics of Yahoo! Answers and of
Usenet, intents (banking77, clinc_oos, snips), the fine labels of trec, subjectivity, spam, the purpose of citations and the
truth of what politicians say.
"""

import html
import random
import re
import zlib

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, label, proportional


def _one_line(text):
    """The text without HTML and line breaks."""
    return " ".join(html.unescape(re.sub(r"</?[A-Za-z][^<>]{0,200}>", " ", text.replace("\\n", " "))).split())


def _untokenize(text):
    """The text as it was before a tokenizer set its punctuation apart.

    >>> _untokenize("What is the `` mile-high city '' 's name ?")
    'What is the "mile-high city"\\'s name?'
    """
    text = re.sub(r'" ([^"]*[^" ]) "', r'"\1"', re.sub(r"``|''", '"', text))
    text = re.sub(r" (n't|'(?:s|t|re|ve|ll|d|m|em))\b", r"\1", text)
    text = re.sub(r"([(\[$#]) ", r"\1", re.sub(r" (\.\.\.|[,.;:?!%)\]])", r"\1", text))
    return " ".join(text.split())


# --- news and encyclopedia -------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/fancyzhx/ag_news · licence: unknown
# {'text': "Wall St. Bears Claw Back Into the Black (Reuters) Reuters - Short-sellers, Wall Street's dwindling\\band of ...",
#  'label': 2}
# labels: World, Sports, Business, Sci/Tech. Headline and first sentences; line breaks became backslashes.
_NEWS = ("world", "sports", "business", "science and technology")
_section = label(_NEWS)

ag_news = Task(
    name="ag_news",
    cluster="topic",
    source=hub("fancyzhx/ag_news"),
    example=lambda row: Example(
        {"article": _one_line(row["text"].replace(" #39;", "'").replace("#39;", "'").replace("\\", " "))},
        _section(row["label"]),
        options=_NEWS,
    ),
    templates=[
        Template(
            "In which section of a newspaper would you look for this story: world, sports, business, or science and "
            "technology?\nStory: {{ article }}",
            options="never",
        ),
        Template(
            "Choose the desk that should handle the report below.\n{{ options }}\nReport: {{ article }}", options="always"
        ),
        Template("News item: {{ article }}\nWhich of the main sections of a newspaper does it belong to?"),
        Template(
            "Tag the dispatch with one letter: W for world affairs, S for sports, B for business or T for science and "
            "technology.\nDispatch: {{ article }}",
            words={"world": "W", "sports": "S", "business": "B", "science and technology": "T"},
            options="never",
            cue="Tag:",
        ),
        Template(
            'Ann: Listen to this. "{{ article }}"\nBen: Is that world news, sports, business, or science and technology?',
            words={"world": "world news"},
            options="never",
            cue="Ann:",
        ),
        Template(
            "Who is more likely to have written the text below: a foreign correspondent, a sports reporter, a business "
            "reporter or a science reporter?\n{{ article }}",
            words={
                "world": "a foreign correspondent",
                "sports": "a sports reporter",
                "business": "a business reporter",
                "science and technology": "a science reporter",
            },
            options="never",
        ),
        Template(
            "{{ article }}\n{{ options }}\nA news website files its stories under these topics. Where does this one go?",
            options="always",
        ),
        Template(
            "Our app lets people follow four kinds of news: international, sports, money and tech. Of which kind is this "
            "story?\n{{ article }}",
            words={"world": "international", "business": "money", "science and technology": "tech"},
            options="never",
        ),
        Template("What is the subject of this piece of agency news?\n{{ article }}", cue="Subject:"),
        Template(
            'Sort the news story "{{ article }}" by topic. The topics are {{ choices[:-1] | join(", ") }}, and '
            "{{ choices[-1] }}."
        ),
        Template(
            "Write a headline and the first sentence or two of a news story for the {{ answer }} section.",
            "{{ article }}",
            kind="inverted",
            name="write_story",
        ),
        Template(
            "An agency is short of copy about {% if answer == 'world' %}events abroad{% elif answer == 'sports' %}games and "
            "athletes{% elif answer == 'business' %}companies and markets{% else %}inventions, computers and research"
            "{% endif %}. Supply a brief report.",
            "{{ article }}",
            kind="inverted",
            name="supply_report",
        ),
    ],
    lineage=["ag_corpus"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    long_fields=["article"],
    licence="unknown",
    link="https://huggingface.co/datasets/fancyzhx/ag_news",
)

# https://huggingface.co/datasets/fancyzhx/dbpedia_14 · licence: CC BY-SA 3.0
# {'label': 7, 'title': 'Robs Lake', 'content': ' Robs Lake is a lake of Shelburne District in Nova Scotia Canada.'}
# labels: the 14 below.
_KINDS = (
    "company", "educational institution", "artist", "athlete", "office holder", "means of transportation", "building",
    "natural place", "village", "animal", "plant", "album", "film", "written work",
)  # fmt: skip
_kind = label(_KINDS)
_A_KIND = {kind: f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}" for kind in _KINDS}


def _dbpedia_14(row):
    text = _untokenize(_one_line(row["content"]))
    return Example({"text": text, "title": (row.get("title") or "").strip()}, _kind(row["label"]), options=_KINDS)


dbpedia_14 = Task(
    name="dbpedia_14",
    cluster="topic",
    source=hub("fancyzhx/dbpedia_14", "dbpedia_14"),
    example=_dbpedia_14,
    templates=[
        Template("What kind of thing is described here?\n{{ options }}\nDescription: {{ text }}", options="always"),
        Template(
            "Encyclopedia entry: {{ text }}\nWhich of the following is its subject: {{ choices[:-1] | join(', ') }} or "
            "{{ choices[-1] }}?"
        ),
        Template(
            'Under the title "{{ title }}" an encyclopedia says: {{ text }}\nIn general terms, what is {{ title }}?',
            words=_A_KIND,
            when="title",
        ),
        Template(
            "{{ text }}\nAn editor of Wikipedia gives every article a category.\n{{ options }}",
            cue="Category:",
            options="always",
        ),
        Template(
            "Below is the beginning of an article. What type of entity is it about? Name the type with an article, as in "
            '"a building" or "an athlete".\nArticle: {{ text }}',
            words=_A_KIND,
        ),
        Template(
            "Ann: I came across this: {{ text }}\nBen: And what is that? Give me the general term.",
            words=_A_KIND,
            cue="Ann: It's",
        ),
        Template(
            "File the text in the right drawer of the library of things. The drawers are labeled "
            "{{ choices[:-1] | join(', ') }} and {{ choices[-1] }}.\nText: {{ text }}",
        ),
        Template("Classify the subject of this short article by its type.\n{{ options }}\n{{ text }}", options="always"),
        Template(
            "In a game, one player reads out a description and the others say what sort of thing it is about. You hear this: "
            "{{ text }}\n{{ options }}\nWhat do you say?",
            options="always",
        ),
        Template(
            "I need the class of the following entity for a knowledge base.\nEntity: {{ text }}", cue="Class:", options="always"
        ),
        Template(
            "Make up {{ ('an ' if answer[0] in 'aeiou' else 'a ') ~ answer }} and write the first lines of an encyclopedia "
            "entry on the subject.",
            "{{ text }}",
            kind="inverted",
            name="write_entry",
        ),
        Template(
            'Write a short encyclopedia article with the title "{{ title }}". It is about '
            "{{ ('an ' if answer[0] in 'aeiou' else 'a ') ~ answer }}.",
            "{{ text }}",
            kind="inverted",
            name="article_from_title",
            when="title",
        ),
    ],
    lineage=["dbpedia", "wikipedia"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    long_fields=["text"],
    licence="CC BY-SA 3.0",
    link="https://huggingface.co/datasets/fancyzhx/dbpedia_14",
)

# --- questions -------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/CogComp/trec · licence: unknown
# {'text': 'How did serfdom develop in and then leave Russia ?', 'coarse_label': 2, 'fine_label': 26}
# coarse labels: ABBR, ENTY, DESC, HUM, LOC, NUM.
_ASKED_FOR = ("abbreviation", "entity", "description", "human", "location", "number")
_asked_for = label(_ASKED_FOR)


def _asks(*words):
    return dict(zip(_ASKED_FOR, words, strict=True))


trec = Task(
    name="trec",
    cluster="topic",
    source=hub("CogComp/trec", revision="refs/convert/parquet"),
    example=lambda row: Example({"question": _untokenize(row["text"])}, _asked_for(row["coarse_label"]), options=_ASKED_FOR),
    templates=[
        Template(
            "Do not answer this question. Say only what kind of answer it calls for.\n{{ options }}\nQuestion: {{ question }}",
            options="always",
        ),
        Template(
            'Does "{{ question }}" ask for an abbreviation, a thing, an explanation, a person, a place or a number?',
            words=_asks("an abbreviation", "a thing", "an explanation", "a person", "a place", "a number"),
            options="never",
        ),
        Template(
            "A search engine looks at a question before it looks for answers. It decides whether to search for an "
            "abbreviation, an entity, a description, a human, a location or a number. What does it decide here?\nQuestion: "
            "{{ question }}",
            options="never",
        ),
        Template("{{ question }}\nWhat type of answer is expected?", cue="Answer type:", options="always"),
        Template(
            "The host of a quiz sorts cards with questions into six boxes: short forms, things, definitions and reasons, "
            "people, places, numbers and dates. Into which box does this card go?\nCard: {{ question }}",
            words=_asks("short forms", "things", "definitions and reasons", "people", "places", "numbers and dates"),
            options="never",
        ),
        Template(
            "Someone asks: {{ question }}\nShould the reply name somebody, name something, name a place, give a figure, spell "
            "out or form an abbreviation, or explain something?",
            words=_asks(
                "spell out or form an abbreviation",
                "name something",
                "explain something",
                "name somebody",
                "name a place",
                "give a figure",
            ),
            options="never",
        ),
        Template(
            "Classify the question by the class of its answer. The classes are {{ choices[:-1] | join(', ') }} and "
            "{{ choices[-1] }}.\nQuestion: {{ question }}"
        ),
        Template(
            "Use the codes ABBR (abbreviation), ENTY (entity), DESC (description), HUM (human being), LOC (location) and NUM "
            "(numeric value) to annotate this question.\n{{ question }}",
            words=_asks("ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM"),
            options="never",
            cue="Code:",
        ),
        Template("Pick what the person who asks this wants to be told.\n{{ options }}\n{{ question }}", options="always"),
        Template(
            "Make up a quiz question that asks for {% if answer == 'abbreviation' %}an abbreviation or its meaning"
            "{% elif answer == 'entity' %}a thing, such as an animal, a food or a product{% elif answer == 'description' %}a "
            "definition, a manner or a reason{% elif answer == 'human' %}a person or a group of people"
            "{% elif answer == 'location' %}a place{% else %}a number, an amount or a date{% endif %}.",
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
    ],
    lineage=["trec_qa"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/CogComp/trec",
)

# https://huggingface.co/datasets/CogComp/trec · licence: unknown
# {'text': 'What is the temperature at the center of the earth ?', 'coarse_label': 5, 'fine_label': 47}
# fine labels: ABBR:abb, ABBR:exp, ENTY:animal ... NUM:weight, in the order of the list.
_FINE = (
    "an abbreviation", "the meaning of an abbreviation", "an animal", "a part of the body", "a color", "a creative work",
    "a currency", "a disease or a medicine", "an event", "a food", "a musical instrument", "a language", "a letter",
    "another thing", "a plant", "a product", "a religion", "a sport", "a substance", "a symbol", "a technique", "a term",
    "a vehicle", "a word", "a definition", "a description", "a manner", "a reason", "a group", "a person", "a title",
    "a description of a person", "a city", "a country", "a mountain", "another place", "a state", "a code", "a count", "a date",
    "a distance", "a price", "a rank", "another number", "a length of time", "a percentage", "a speed", "a temperature",
    "a size", "a weight",
)  # fmt: skip
_fine = label(_FINE)

trec_fine = Task(
    name="trec_fine",
    cluster="topic",
    source=hub("CogComp/trec", revision="refs/convert/parquet"),
    example=lambda row: Example({"question": _untokenize(row["text"])}, _fine(row["fine_label"]), options=_FINE),
    templates=[
        Template("What exactly does this question ask for?\n{{ options }}\nQuestion: {{ question }}", options="always"),
        Template(
            'Somebody would like to know: "{{ question }}"\nSay what sort of thing the answer will be, such as a city, a '
            "date, "
            "a "
            "reason or a color."
        ),
        Template(
            'Name the type of the answer, not the answer: for "Who wrote Emma?" you would say "a person".\n{{ options }}\n'
            "Question: {{ question }}"
        ),
        Template(
            "{{ question }}\nPut this question into a pigeonhole, according to the answer that it calls for.\n{{ options }}",
            options="always",
        ),
        Template(
            "A program that answers questions first finds out what it has to look for. Choose the target of its search.\n"
            "{{ options }}\nInput: {{ question }}",
            cue="Target:",
            options="always",
        ),
        Template(
            "Complete the sentence with the kind of answer that is wanted, in as few words as you can.\nQuestion: "
            "{{ question }}",
            cue="The answer should be",
        ),
        Template("Which of these would satisfy the asker? {{ choices | join('; ') }}.\nAsker: {{ question }}"),
        Template(
            "Teacher: Don't shout out the solution yet. First tell me what we are looking for.\nQuestion on the board: "
            "{{ question }}\n{{ options }}",
            cue="Pupil: We are looking for",
            options="always",
        ),
        Template(
            "Annotate the question with its fine-grained answer type.\nQuestion: {{ question }}\n{{ options }}\nThere is one "
            "type that fits best.",
            options="always",
        ),
        Template(
            "Ask a factual question to which the answer is {{ answer | replace('another', 'some kind of') }}.",
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
    ],
    lineage=["trec_qa"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/CogComp/trec",
)

# https://huggingface.co/datasets/community-datasets/yahoo_answers_topics · licence: unknown
# {'id': 0, 'topic': 4, 'question_title': "why doesn't an optical mouse work on a glass table?",
#  'question_content': 'or even on some surfaces?',
#  'best_answer': 'Optical mice use an LED and a camera to rapidly capture images of the surface beneath the mouse. ...'}
# topics: the ten below.
_FORUMS = (
    "Society & Culture", "Science & Mathematics", "Health", "Education & Reference", "Computers & Internet", "Sports",
    "Business & Finance", "Entertainment & Music", "Family & Relationships", "Politics & Government",
)  # fmt: skip
_forum = label(_FORUMS)

yahoo_answers_topics = Task(
    name="yahoo_answers_topics",
    cluster="topic",
    source=hub("community-datasets/yahoo_answers_topics", "yahoo_answers_topics"),
    example=lambda row: Example(
        {
            "question": _one_line(row["question_title"]),
            "details": _one_line(row["question_content"]),
            "best": _one_line(row["best_answer"]),
        },
        _forum(row["topic"]),
        options=_FORUMS,
    ),
    templates=[
        Template(
            "Under which heading of Yahoo! Answers was this asked?\n{{ options }}\nQuestion: {{ question }}"
            "{% if details %} ({{ details }}){% endif %}",
            options="always",
        ),
        Template(
            "A user asks: {{ question }}\nThe best reply was: {{ best }}\nWhat broad area of life or knowledge is this about? "
            "The areas are {{ choices[:-1] | join(', ') }} and {{ choices[-1] }}.",
            when="best",
        ),
        Template(
            "Question: {{ question }}\nChoose the topic under which people will look for it.\n{{ options }}",
            cue="Topic:",
            options="always",
        ),
        Template(
            "You moderate a site for questions and answers. A question has been posted without a topic, and you add one.\n"
            "{{ options }}\n{{ question }}{% if details %} ({{ details }}){% endif %}",
            options="always",
        ),
        Template(
            'Guess from the answer alone which forum it was given in: "{{ best }}"\n{{ options }}',
            when="best",
            options="always",
        ),
        Template(
            "What is the general subject of the question below? Reply with a heading such as Health or Business & Finance.\n"
            "Question: {{ question }}{% if details %} (details: {{ details }}){% endif %}"
        ),
        Template(
            "Send the question to the right expert: someone for {{ choices[:-1] | join(', for ') }} or for "
            "{{ choices[-1] }}.\nQuestion: {{ question }}",
        ),
        Template(
            "Title: {{ question }}\nText: {{ details }}\nThe post above ended up in the wrong category. Where should it be?\n"
            "{{ options }}",
            when="details",
            options="always",
        ),
        Template(
            "I don't know where to post this: {{ question }}\nWhich section would be right?\n{{ options }}", options="always"
        ),
        Template(
            "Post a question in the section {{ answer }} of a site where people help each other.",
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
        Template(
            'Someone in the forum {{ answer }} wants to know: "{{ question }}"\nWrite a helpful reply.',
            "{{ best }}",
            kind="inverted",
            name="write_reply",
            when="best",
        ),
        Template(
            "This was chosen as the best answer in the category {{ answer }}. Work out what the question must have been.\n"
            "Answer: {{ best }}",
            "{{ question }}",
            kind="inverted",
            name="guess_question",
            when="best",
        ),
    ],
    lineage=["yahoo_answers"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    long_fields=["details", "best"],
    licence="unknown",
    link="https://huggingface.co/datasets/community-datasets/yahoo_answers_topics",
)

# --- Usenet ----------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/SetFit/20_newsgroups · licence: unknown
# {'text': 'I was wondering if anyone out there could enlighten me on this car I saw\nthe other day. It was ...', 'label': 7,
#  'label_text': 'rec.autos'}
# labels: the 20 groups below in alphabetical order. Some posts are empty once headers and quotes are gone; they are left out.
_GROUPS = {
    "alt.atheism": "atheism", "comp.graphics": "computer graphics", "comp.os.ms-windows.misc": "Microsoft Windows",
    "comp.sys.ibm.pc.hardware": "PC hardware", "comp.sys.mac.hardware": "Macintosh hardware",
    "comp.windows.x": "the X Window System", "misc.forsale": "things for sale", "rec.autos": "cars",
    "rec.motorcycles": "motorcycles", "rec.sport.baseball": "baseball", "rec.sport.hockey": "hockey",
    "sci.crypt": "cryptography", "sci.electronics": "electronics", "sci.med": "medicine", "sci.space": "space",
    "soc.religion.christian": "Christianity", "talk.politics.guns": "gun politics",
    "talk.politics.mideast": "politics of the Middle East", "talk.politics.misc": "politics in general",
    "talk.religion.misc": "religion in general",
}  # fmt: skip
_GROUP_NAMES = tuple(_GROUPS)
_group = label(_GROUP_NAMES)


def _newsgroups(row):
    text = " ".join(row["text"].split())
    if not re.search(r"[A-Za-z]{3}", text):
        raise SkipRow("an empty post")
    return Example({"post": text}, _group(row["label"]), options=_GROUP_NAMES)


newsgroups = Task(
    name="20_newsgroups",
    cluster="topic",
    source=hub("SetFit/20_newsgroups"),
    example=_newsgroups,
    templates=[
        Template("To which Usenet newsgroup was this posted?\n{{ options }}\nPost: {{ post }}", options="always"),
        Template(
            "What is the following message, posted to a discussion group in 1993, about?\n{{ post }}",
            words=_GROUPS,
            cue="Topic:",
        ),
        Template(
            'Someone wrote: "{{ post }}"\nEach group that I read has one subject: {{ choices[:-1] | join(", ") }} or '
            "{{ choices[-1] }}. What is the subject of the group in which I found this?",
            words=_GROUPS,
        ),
        Template(
            "{{ options }}\nRestore the missing header line of this post.\n{{ post }}", cue="Newsgroups:", options="always"
        ),
        Template(
            "Name the subject that the members of this group have in common, judging by one of their posts.\n{{ options }}\n"
            "{{ post }}",
            words=_GROUPS,
        ),
        Template(
            "Newsgroup names go from the general to the particular, like rec.autos. Give the full name of the group to which "
            "this article belongs.\nArticle: {{ post }}"
        ),
        Template(
            "An archivist is sorting old network news by theme and asks you where to put this message.\n{{ options }}\n"
            "Message: {{ post }}",
            words=_GROUPS,
            options="always",
        ),
        Template(
            "Post: {{ post }}\nChoose the newsgroup whose readers would care most about it.\n{{ options }}", options="always"
        ),
        Template(
            "Is this about religion, computers, sports, science, politics, vehicles or a sale, and about what within that "
            "field? Answer with the narrow topic only.\n{{ options }}\nText: {{ post }}",
            words=_GROUPS,
            options="always",
        ),
        Template("Write a post for the newsgroup {{ answer }}.", "{{ post }}", kind="inverted", name="write_post"),
    ],
    lineage=["20_newsgroups"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    long_fields=["post"],
    licence="unknown",
    link="https://huggingface.co/datasets/SetFit/20_newsgroups",
)

# --- intents ---------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/PolyAI/banking77 · licence: CC BY 4.0
# {'text': 'I am still waiting on my card?', 'label': 11}
# labels: activate_my_card, age_limit, apple_pay_or_google_pay ... wrong_exchange_rate_for_cash_withdrawal.
_BANKING_NAMES = """
    activate_my_card age_limit apple_pay_or_google_pay atm_support automatic_top_up
    balance_not_updated_after_bank_transfer balance_not_updated_after_cheque_or_cash_deposit beneficiary_not_allowed
    cancel_transfer card_about_to_expire card_acceptance card_arrival card_delivery_estimate card_linking
    card_not_working card_payment_fee_charged card_payment_not_recognised card_payment_wrong_exchange_rate
    card_swallowed cash_withdrawal_charge cash_withdrawal_not_recognised change_pin compromised_card
    contactless_not_working country_support declined_card_payment declined_cash_withdrawal declined_transfer
    direct_debit_payment_not_recognised disposable_card_limits edit_personal_details exchange_charge exchange_rate
    exchange_via_app extra_charge_on_statement failed_transfer fiat_currency_support get_disposable_virtual_card
    get_physical_card getting_spare_card getting_virtual_card lost_or_stolen_card lost_or_stolen_phone
    order_physical_card passcode_forgotten pending_card_payment pending_cash_withdrawal pending_top_up pending_transfer
    pin_blocked receiving_money refund_not_showing_up request_refund reverted_card_payment
    supported_cards_and_currencies terminate_account top_up_by_bank_transfer_charge top_up_by_card_charge
    top_up_by_cash_or_cheque top_up_failed top_up_limits top_up_reverted topping_up_by_card transaction_charged_twice
    transfer_fee_charged transfer_into_account transfer_not_received_by_recipient transfer_timing
    unable_to_verify_identity verify_my_identity verify_source_of_funds verify_top_up virtual_card_not_working
    visa_or_mastercard why_verify_identity wrong_amount_of_cash_received wrong_exchange_rate_for_cash_withdrawal
"""
_BANKING = tuple(
    re.sub(r"\b(atm|pin)\b", lambda found: found[0].upper(), name.replace("_", " ")) for name in _BANKING_NAMES.split()
)
_banking = label(_BANKING)

banking77 = Task(
    name="banking77",
    cluster="topic",
    source=hub("PolyAI/banking77", revision="refs/convert/parquet"),
    example=lambda row: Example({"message": _one_line(row["text"])}, _banking(row["label"]), options=_BANKING),
    templates=[
        Template(
            "What does this customer of an online bank need help with?\n{{ options }}\nCustomer: {{ message }}",
            options="always",
        ),
        Template(
            "You route messages in the help center of a bank. Name the issue that this message is about in two to eight "
            "words.\nMessage: {{ message }}"
        ),
        Template(
            "{{ message }}\nFind the intent behind the message above, which was sent to a bank.\n{{ options }}",
            cue="Intent:",
            options="always",
        ),
        Template(
            'Someone types "{{ message }}" into the chat window of a banking app. Choose the help page to show.\n{{ options }}',
            options="always",
        ),
        Template("Write a short subject line, in plain words, for this ticket from a bank's customer: {{ message }}"),
        Template(
            "Here are the things that people ask our bank about.\n{{ options }}\nWhich of them is meant here?\n{{ message }}",
            options="always",
        ),
        Template(
            "Bot: How can I help you today?\nCustomer: {{ message }}\nThe bot matches the request with one entry of its "
            "list.\n{{ options }}",
            cue="Entry:",
            options="always",
        ),
        Template("Tag the banking question with its category.\nQuestion: {{ message }}\n{{ options }}", options="always"),
        Template("Complaint or query to a bank: {{ message }}\nBriefly, what is the matter?", cue="Matter:"),
        Template(
            'A customer writes to the bank about "{{ answer }}". Write the message.',
            "{{ message }}",
            kind="inverted",
            name="write_message",
        ),
        Template(
            'To test the chat bot of a bank we need sentences that people might type. Give one for the intent "{{ answer }}".',
            "{{ message }}",
            kind="inverted",
            name="test_sentence",
        ),
    ],
    lineage=["banking77"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/PolyAI/banking77",
)

# https://huggingface.co/datasets/clinc/clinc_oos (plus) · licence: CC BY 3.0
# {'text': 'what expression would i use to say i love you if i were an italian', 'intent': 61}
# intents: the 151 below, 42 = out of scope. Ten of the others are shown as options together with the answer and "out of scope".
_INTENT_NAMES = """
    restaurant_reviews nutrition_info account_blocked oil_change_how time weather redeem_rewards interest_rate gas_type
    accept_reservations smart_home user_name report_lost_card repeat whisper_mode what_are_your_hobbies order jump_start
    schedule_meeting meeting_schedule freeze_account what_song meaning_of_life restaurant_reservation traffic make_call
    text bill_balance improve_credit_score change_language no measurement_conversion timer flip_coin do_you_have_pets
    balance tell_joke last_maintenance exchange_rate uber car_rental credit_limit out_of_scope shopping_list
    expiration_date routing meal_suggestion tire_change todo_list card_declined rewards_balance change_accent vaccines
    reminder_update food_last change_ai_name bill_due who_do_you_work_for share_location international_visa calendar
    translate carry_on book_flight insurance_change todo_list_update timezone cancel_reservation transactions
    credit_score report_fraud spending_history directions spelling insurance what_is_your_name reminder
    where_are_you_from distance payday flight_status find_phone greeting alarm order_status confirm_reservation
    cook_time damaged_card reset_settings pin_change replacement_card_duration new_card roll_dice income taxes date
    who_made_you pto_request tire_pressure how_old_are_you rollover_401k pto_request_status how_busy application_status
    recipe calendar_update play_music yes direct_deposit credit_limit_change gas pay_bill ingredients_list lost_luggage
    goodbye what_can_i_ask_you book_hotel are_you_a_bot next_song change_speed plug_type maybe w2 oil_change_when
    thank_you shopping_list_update pto_balance order_checks travel_alert fun_fact sync_device schedule_maintenance apr
    transfer ingredient_substitution calories current_location international_fees calculator definition next_holiday
    update_playlist mpg min_payment change_user_name restaurant_suggestion travel_notification cancel pto_used
    travel_suggestion change_volume
"""
_SPELLED = {
    "w2": "W-2 form",
    "apr": "APR",
    "mpg": "gas mileage",
    "uber": "Uber ride",
    "rollover_401k": "401(k) rollover",
    "what_can_i_ask_you": "what can I ask you",
    "change_ai_name": "change AI name",
}
_INTENTS = tuple(_SPELLED.get(name, name.replace("_", " ").replace("pto", "PTO")) for name in _INTENT_NAMES.split())
_OUT_OF_SCOPE = "out of scope"
_intent = label(_INTENTS)


def _clinc(row):
    answer = _intent(row["intent"])
    chosen = random.Random(zlib.crc32(row["text"].encode())).sample(_INTENTS, 10)
    shown = {answer, _OUT_OF_SCOPE, *chosen}
    fields = {"command": _one_line(row["text"]), "in_scope": answer != _OUT_OF_SCOPE}
    return Example(fields, answer, options=tuple(name for name in _INTENTS if name in shown))


clinc_oos = Task(
    name="clinc_oos",
    cluster="topic",
    source=hub("clinc/clinc_oos", "plus"),
    example=_clinc,
    templates=[
        Template("What does the user want from the voice assistant?\n{{ options }}\nUser: {{ command }}", options="always"),
        Template(
            "Somebody says to an assistant on a phone: {{ command }}\nMatch this with a skill of the assistant. If no skill "
            "fits, it is out of scope.\n{{ options }}",
            options="always",
        ),
        Template("Utterance: {{ command }}\n{{ options }}\nWhich intent does it have?", cue="Intent:", options="always"),
        Template(
            'If you had to press one of the buttons "{{ choices | join(\'", "\') }}" for a person who says "{{ command }}", '
            "which would you "
            "press?"
        ),
        Template(
            "Say in one to five words what this request to a digital assistant is for.\nRequest: {{ command }}",
            options="never",
            when="in_scope",
        ),
        Template(
            "You are testing how well a talking assistant understands people. It heard the sentence below. Which of its "
            "functions should it start?\n{{ options }}\n{{ command }}",
            options="always",
        ),
        Template(
            'Does "{{ command }}" ask for anything on this list? Write down the item, or "out of scope" if there is none.\n'
            "{{ options }}",
            options="always",
        ),
        Template(
            "Sort the spoken request under one heading.\n{{ options }}\nSpoken: {{ command }}", cue="Heading:", options="always"
        ),
        Template(
            "A log of a smart speaker has lost its last column, the name of the command that was recognized. Fill it in for "
            "this row.\nRow: {{ command }}\n{{ options }}",
            options="always",
        ),
        Template(
            "{% if answer == 'out of scope' %}Ask a digital assistant for something that it is hardly able to do."
            '{% else %}Say something to a digital assistant so that it recognizes the command "{{ answer }}".{% endif %}',
            "{{ command }}",
            kind="inverted",
            name="write_command",
        ),
    ],
    lineage=["clinc_oos"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="CC BY 3.0",
    link="https://huggingface.co/datasets/clinc/clinc_oos",
)

# https://huggingface.co/datasets/benayas/snips · licence: Apache-2.0
# {'text': 'listen to westbam alumb allergic on google music', 'category': 'PlayMusic'}
# categories: the seven below.
_SKILLS = {
    "AddToPlaylist": "add to a playlist", "BookRestaurant": "book a restaurant", "GetWeather": "get the weather",
    "PlayMusic": "play music", "RateBook": "rate a book", "SearchCreativeWork": "search for a creative work",
    "SearchScreeningEvent": "search for a movie showing",
}  # fmt: skip
_SKILL_NAMES = tuple(_SKILLS.values())


def _skills(*words):
    return dict(zip(_SKILL_NAMES, words, strict=True))


snips = Task(
    name="snips",
    cluster="topic",
    source=hub("benayas/snips"),
    example=lambda row: Example({"command": _one_line(row["text"])}, _SKILLS[row["category"]], options=_SKILL_NAMES),
    templates=[
        Template("What is a voice assistant asked to do here?\n{{ options }}\nCommand: {{ command }}", options="always"),
        Template(
            "Name the function that has to be called for this command. The functions are AddToPlaylist, BookRestaurant, "
            "GetWeather, PlayMusic, RateBook, SearchCreativeWork and SearchScreeningEvent.\nCommand: {{ command }}",
            words={spoken: name for name, spoken in _SKILLS.items()},
            options="never",
            cue="Function:",
        ),
        Template(
            'A user tells the speaker in the kitchen, "{{ command }}"\nIs this about a playlist, a restaurant, the weather, '
            "playing music, "
            "rating a book, finding a title or movie times?",
            words=_skills(
                "a playlist", "a restaurant", "the weather", "playing music", "rating a book", "finding a title", "movie times"
            ),
            options="never",
        ),
        Template("{{ command }}\n{{ options }}\nPick the action that carries out what was just said.", options="always"),
        Template(
            "Several apps listen to what you say: Weather, Music, Playlists, Tables, Books, Movies and Search. Which app "
            "should react to this?\n{{ command }}",
            words=_skills("Playlists", "Tables", "Weather", "Music", "Books", "Search", "Movies"),
            options="never",
            cue="App:",
        ),
        Template("State in a few words, beginning with a verb, what the person wants done.\nPerson: {{ command }}"),
        Template("Classify the request to the assistant by intent.\nRequest: {{ command }}", cue="Intent:", options="always"),
        Template(
            "I keep seven jars for slips of paper with spoken commands. Their labels say: {{ choices | join('; ') }}. Into "
            "which jar does this slip go?\nSlip: {{ command }}"
        ),
        Template(
            "Fill in the sentence with one of the options.\n{{ options }}\nHeard: {{ command }}",
            cue="The user wants to",
            options="always",
        ),
        Template(
            "Tell your voice assistant to {{ answer }}. Give all the details that it needs, and don't bother with capitals.",
            "{{ command }}",
            kind="inverted",
            name="write_command",
        ),
    ],
    lineage=["snips_nlu"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/benayas/snips",
)

# --- fact or opinion, spam, citations, truth -------------------------------------------------------------------------
# https://huggingface.co/datasets/SetFit/subj · licence: unknown
# {'text': 'smart and alert , thirteen conversations about one thing is a small gem .', 'label': 1, 'label_text': 'subjective'}
# labels: objective (sentences from plot summaries), subjective (sentences from reviews).
_STANCES = ("objective", "subjective")


subj = Task(
    name="subj",
    cluster="topic",
    source=hub("SetFit/subj"),
    example=lambda row: Example({"sentence": _untokenize(row["text"])}, row["label_text"], options=_STANCES),
    templates=[
        Template("Is this sentence about a film subjective or objective?\n{{ sentence }}", options="never"),
        Template(
            "Does the sentence give an opinion on a movie, or does it tell what happens in one?\nSentence: {{ sentence }}",
            words={"objective": "it tells what happens", "subjective": "it gives an opinion"},
            options="never",
        ),
        Template(
            "Two piles of texts were mixed up in our files, the plot summaries and the reviews. From which pile is this "
            "line?\nLine: {{ sentence }}",
            words={"objective": "the plot summaries", "subjective": "the reviews"},
            options="never",
        ),
        Template(
            "Can you tell from the sentence below what its author thinks of the film?\n{{ sentence }}",
            words={"objective": "no", "subjective": "yes"},
        ),
        Template(
            'Journalists are taught to keep report and comment apart. Which of the two is "{{ sentence }}"?',
            words={"objective": "report", "subjective": "comment"},
            options="never",
        ),
        Template("{{ options }}\nSentence on a movie: {{ sentence }}", cue="The sentence is", options="always"),
        Template(
            "True or false: the following words pass judgment.\n{{ sentence }}",
            words={"objective": "False", "subjective": "True"},
            options="never",
        ),
        Template(
            "Before measuring sentiment, we drop every sentence that expresses none. Do we keep or drop this one?\n"
            "{{ sentence }}",
            words={"objective": "drop", "subjective": "keep"},
            options="never",
            cue="Decision:",
        ),
        Template(
            "Fact and opinion are taught with examples. Which of the two does the following sentence illustrate?\n"
            "{{ sentence }}",
            words={"objective": "fact", "subjective": "opinion"},
            options="never",
        ),
        Template(
            "{% if answer == 'subjective' %}Write a sentence from a film review that shows what the critic thinks."
            "{% else %}Write a sentence from the summary of a film's plot.{% endif %}",
            "{{ sentence }}",
            kind="inverted",
            name="write_sentence",
        ),
    ],
    lineage=["subj", "rotten_tomatoes", "imdb_plots"],
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/SetFit/subj",
)

# https://huggingface.co/datasets/ucirvine/sms_spam · licence: unknown
# {'sms': 'Go until jurong point, crazy.. Available only in bugis n great world la e buffet... Cine there got amore wat...\n',
#  'label': 0}
# labels: ham, spam.
_HAM_SPAM = ("not spam", "spam")
_spam = label(_HAM_SPAM)

sms_spam = Task(
    name="sms_spam",
    cluster="topic",
    source=hub("ucirvine/sms_spam", "plain_text"),
    example=lambda row: Example({"sms": _one_line(row["sms"])}, _spam(row["label"]), options=_HAM_SPAM),
    templates=[
        Template("Is this text message spam?\nMessage: {{ sms }}", words={"not spam": "no", "spam": "yes"}),
        Template("Spam or not spam: which do you take this SMS for?\nSMS: {{ sms }}", options="never"),
        Template(
            'Specialists call an unwanted message "spam" and a genuine one "ham". Which is this?\n{{ sms }}',
            words={"not spam": "ham", "spam": "spam"},
            options="never",
        ),
        Template(
            "My grandmother got this on her phone. Was it sent by somebody who knows her or by somebody who is after her "
            "money?\n{{ sms }}",
            words={"not spam": "somebody who knows her", "spam": "somebody who is after her money"},
            options="never",
        ),
        Template(
            "{{ options }}\nIncoming text: {{ sms }}",
            words={"not spam": "deliver", "spam": "block"},
            cue="The filter's decision:",
            options="always",
        ),
        Template(
            "Text: {{ sms }}\nShould a phone put this text in the inbox or in the junk folder?",
            words={"not spam": "inbox", "spam": "junk folder"},
            options="never",
        ),
        Template(
            "Is the sender of the following message a private person or an advertiser?\n{{ sms }}",
            words={"not spam": "a private person", "spam": "an advertiser"},
            options="never",
        ),
        Template(
            "May I safely ignore this text message? It says: {{ sms }}", words={"not spam": "no", "spam": "yes"}, cue="Answer:"
        ),
        Template(
            'A table of text messages has a column called "is spam". Enter true or false for the message "{{ sms }}"',
            words={"not spam": "false", "spam": "true"},
            options="never",
        ),
        Template(
            "Write a text message {% if answer == 'spam' %}that a spam filter should catch{% else %}such as one friend sends "
            "to another{% endif %}.",
            "{{ sms }}",
            kind="inverted",
            name="write_sms",
        ),
    ],
    lineage=["sms_spam_collection"],
    metrics=["accuracy", "macro_f1"],
    train="train[:90%]",
    evaluation="train[90%:]",
    licence="unknown",
    link="https://huggingface.co/datasets/ucirvine/sms_spam",
)

# https://huggingface.co/datasets/allenai/scicite · licence: unknown
# {'string': 'However, how frataxin interacts with the Fe-S cluster biosynthesis components remains unclear as direct ...',
#  'sectionName': 'Introduction', 'label': 1, ...}
# labels: method, background, result.
_PURPOSES = ("method", "background", "result")
_purpose = label(_PURPOSES)

scicite = Task(
    name="scicite",
    cluster="topic",
    source=hub("allenai/scicite", revision="refs/convert/parquet"),
    example=lambda row: Example(
        {"passage": _one_line(row["string"]), "section": (row.get("sectionName") or "").strip()},
        _purpose(row["label"]),
        options=_PURPOSES,
    ),
    templates=[
        Template(
            "A scientific paper cites another one here. Is the citation there for background, for a method or for a "
            "comparison of results?\nPassage: {{ passage }}",
            words={"method": "a method", "background": "background", "result": "a comparison of results"},
            options="never",
        ),
        Template(
            "Why does the author cite other work in this passage?\n{{ options }}\n{{ passage }}",
            words={
                "method": "to make use of its method",
                "background": "to give background",
                "result": "to compare results",
            },
            options="always",
        ),
        Template(
            'The section "{{ section }}" of a paper contains this: {{ passage }}\nWhat is the purpose of the citation: method, '
            "background or "
            "result?",
            when="section",
            options="never",
        ),
        Template("Citing sentence: {{ passage }}\nClassify the intent of the citation.", cue="Intent:", options="always"),
        Template(
            "Does the work that is cited below provide context, provide a tool or procedure, or provide findings to compare "
            "with?\n{{ passage }}",
            words={
                "method": "provide a tool or procedure",
                "background": "provide context",
                "result": "provide findings to compare with",
            },
            options="never",
        ),
        Template(
            "A librarian draws a map of science in which every citation is an arrow: a black one for background, a blue one "
            "for a method that is used and a red one for results that are compared. Which color does this citation get?\n"
            "Citation: {{ passage }}",
            words={"method": "blue", "background": "black", "result": "red"},
            options="never",
        ),
        Template(
            '"{{ passage }}"\nAre the authors using what others built, discussing what others found alongside their own '
            "findings, or "
            "only introducing the subject?",
            words={
                "method": "using what others built",
                "background": "only introducing the subject",
                "result": "discussing what others found alongside their own findings",
            },
            options="never",
        ),
        Template(
            "Label the role of the reference in the text below with {{ choices[:-1] | join(', ') }} or {{ choices[-1] }}.\n"
            "Text: {{ passage }}"
        ),
        Template(
            "I'm reviewing this manuscript and would like to know what the reference is doing here. Is it part of the "
            "background, of the method or of the results?\n{{ passage }}",
            words={"result": "results"},
            options="never",
            cue="It is part of the",
        ),
        Template(
            "Write a sentence of a research paper that cites other work {% if answer == 'method' %}because its method is "
            "being used{% elif answer == 'background' %}to give background{% else %}in order to compare results with it"
            "{% endif %}.",
            "{{ passage }}",
            kind="inverted",
            name="write_citation",
        ),
    ],
    lineage=["scicite", "semantic_scholar"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    long_fields=["passage"],
    licence="unknown",
    link="https://huggingface.co/datasets/allenai/scicite",
)

# https://huggingface.co/datasets/ucsbnlp/liar · licence: unknown
# {'id': '2635.json', 'label': 0, 'statement': 'Says the Annies List political group supports third-trimester abortions ...',
#  'subject': 'abortion', 'speaker': 'dwayne-bohac', 'job_title': 'State representative', 'state_info': 'Texas',
#  'party_affiliation': 'republican', 'barely_true_counts': 0.0, ..., 'context': 'a mailer'}
# labels: false, half-true, mostly-true, true, barely-true, pants-fire: the verdicts of PolitiFact.
_VERDICTS = ("pants on fire", "false", "barely true", "half true", "mostly true", "true")
_verdict = label(("false", "half true", "mostly true", "true", "barely true", "pants on fire"))


def _truths(*words):
    return dict(zip(_VERDICTS, words, strict=True))


def _liar(row):
    speaker = row["speaker"] or ""
    fields = {
        "statement": _one_line(row["statement"]),
        "speaker": re.sub(r"\bMc([a-z])", lambda m: "Mc" + m[1].upper(), speaker.replace("-", " ").strip().title()),
        "job": (row["job_title"] or "").strip(),
        "place": (row["context"] or "").strip(" .\n"),
        "subjects": (row["subject"] or "").replace("-", " ").replace(",", ", "),
    }
    return Example(fields, _verdict(row["label"]), options=_VERDICTS)


liar = Task(
    name="liar",
    cluster="topic",
    source=hub("ucsbnlp/liar", revision="refs/convert/parquet"),
    example=_liar,
    templates=[
        Template("How true is this political statement?\n{{ options }}\nStatement: {{ statement }}", options="always"),
        Template(
            "Source: {{ speaker }}\nStatement: {{ statement }}\nThe fact checkers of PolitiFact rate statements, from worst "
            "to best, as pants on fire, false, barely true, half true, mostly true or true. How did they rate this one?",
            options="never",
            when="speaker",
        ),
        Template(
            "Check the claim and give it a score from 0 to 5, where 0 is an outrageous lie and 5 is the plain truth.\n"
            "Claim: {{ statement }}",
            words=_truths("0", "1", "2", "3", "4", "5"),
            options="never",
            cue="Score:",
        ),
        Template(
            'You come across this claim: "{{ statement }}"\nChoose the verdict that it deserves.\n{{ options }}',
            options="always",
        ),
        Template(
            "Source: {{ speaker }}{% if job %} ({{ job }}){% endif +%}\n{% if subjects %}Subject: {{ subjects }}\n{% endif %}"
            "Claim: {{ statement }}\nRate the truth of the claim.\n{{ options }}",
            when="speaker",
            options="always",
        ),
        Template(
            "Claim: {{ statement }}\nIs that a shameless lie, wrong, mostly wrong, half right, mostly right or right?",
            words=_truths("a shameless lie", "wrong", "mostly wrong", "half right", "mostly right", "right"),
            options="never",
        ),
        Template(
            "A newsroom grades what public figures say as a school would: A for true, B for mostly true, C for half true, D "
            "for barely true, E for false and F for ridiculous. Which grade did this statement earn?\n{{ statement }}",
            words=_truths("F", "E", "D", "C", "B", "A"),
            options="never",
            cue="Grade:",
        ),
        Template(
            "Said in {{ place }}: {{ statement }}\nHow much of this holds up? Answer with one of these verdicts: "
            "{{ choices | join(', ') }}.",
            when="place and place[:2] in ('a ', 'an', 'th')",
        ),
        Template("Fact check, please! {{ statement }}\n{{ options }}\nWhere on this scale is it?", options="always"),
        Template(
            "{% if subjects %}On the subject of {{ subjects }}, make{% else %}Make{% endif %} a statement of the kind that "
            "politicians make and that a fact checker would call "
            "{{ 'an outright lie' if answer == 'pants on fire' else answer }}.",
            "{{ statement }}",
            kind="inverted",
            name="make_statement",
        ),
    ],
    lineage=["liar", "politifact"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    shuffle_options=False,
    licence="unknown",
    link="https://huggingface.co/datasets/ucsbnlp/liar",
)

topic = Mixture(
    name="topic",
    parts=[
        *(ag_news, dbpedia_14, trec, trec_fine, yahoo_answers_topics, newsgroups),
        *(banking77, clinc_oos, snips),
        *(subj, sms_spam, scicite, liar),
    ],
    rate=proportional(cap=3000),
)
