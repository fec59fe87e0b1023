"""Text formatting: capitals, punctuation and spaces put back, and sentences mended.

FLAN makes its three tasks (true_case, fix_punct, word_segment) from the English side of para_crawl/enda, pages of the open
web. They are made here from the English side of OPUS-100 (German-English), a sample of many OPUS corpora: film subtitles,
official documents, manuals, web pages. Its lines are shorter and more often spoken language; lines that are not one plain
English sentence are left out. As in FLAN, each of the three has rows of its own, so that no sentence is seen twice.

The other tasks correct or revise real sentences. Left out because they cannot be had as data: C4_200M (a script that needs
C4 itself), W&I+LOCNESS and NUCLE (to be asked for; CoEdIT holds a part of them), WikiAtomicEdits (a script).
ASSET, which simplifies, is among the summaries.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional

_QUALITY = ["rougeL", "bleu"]
_OPUS_LINK = "https://huggingface.co/datasets/Helsinki-NLP/opus-100"
_COEDIT_LINK = "https://huggingface.co/datasets/grammarly/coedit"


def _untokenized(text):
    """The text without the spaces that a tokenizer put around punctuation."""
    text = " ".join(text.replace("``", '"').replace("''", '"').split())
    text = re.sub(r" ([,.;:!?%)\]])", r"\1", text)
    text = re.sub(r"([(\[$]) ", r"\1", text)
    text = re.sub(r" (n't|'(?:s|m|d|re|ve|ll))\b", r"\1", text, flags=re.IGNORECASE)
    return re.sub(r'" ([^"]*?) ?"', r'"\1"', text)


# --- made from plain sentences -----------------------------------------------------------------------------------------
# https://huggingface.co/datasets/Helsinki-NLP/opus-100 (de-en) · licence: unknown
# {'translation': {'de': 'Es wurde mit Frau Meyer in Bonn besprochen.', 'en': 'It was discussed with Mrs. Meyer in Bonn.'}}
def _opus_sentence(row):
    text = " ".join(row["translation"]["en"].split())
    if not re.fullmatch(r"[A-Z][A-Za-z0-9 ,.;:!?'\"()$%&-]*[.!?]", text) or not 4 <= len(text.split()) <= 40:
        raise SkipRow("not one plain English sentence")
    return text


def _true_case(row):
    sentence = _opus_sentence(row)
    return Example({"text": sentence.lower()}, sentence)


true_case = Task(
    name="true_case",
    cluster="text_formatting",
    source=hub("Helsinki-NLP/opus-100", "de-en"),
    example=_true_case,
    templates=[
        Template("Put the capital letters back into this sentence: {{ text }}"),
        Template("{{ text }}\nThis was typed without capitals. Write it again with capitals where English needs them."),
        Template("Which letters here should be upper case? Copy the text with those letters changed.\nText: {{ text }}"),
        Template(
            "A colleague dictated this into a program that writes everything in lower case. Restore the names, the beginning "
            "of each sentence and whatever else takes a capital, and leave the words alone. {{ text }}",
            cue="With capitals:",
        ),
        Template('A news ticker shows everything in lower case: "{{ text }}" How would a newspaper print this?'),
        Template("lower case: {{ text }}", cue="Sentence case:"),
        Template("English test, part 3. Rewrite with correct capitalization, changing nothing else. {{ text }}"),
        Template("hey, i never use the shift key: {{ text }} can you make that presentable, capitals and all?"),
        Template(
            "Someone lowercased every letter of a sentence and was left with: {{ text }} Write down the original sentence."
        ),
        Template(
            "Proper nouns, abbreviations, the word I and the start of a sentence are capitalized in English. Apply this to "
            "the following line.\nLine: {{ text }}"
        ),
    ],
    lineage=["opus"],
    metrics=["exact_match", "bleu"],
    train="train[:30000]",
    evaluation="test[:600]",
    licence="unknown",
    link=_OPUS_LINK,
)


def _fix_punct(row):
    sentence = _opus_sentence(row)
    if re.search(r"\w\.\w\.|\w[;:!?.,]+[A-Za-z]", sentence):
        raise SkipRow("a point inside a word, as in e.g.")
    bare = re.sub(r'(?<!\d)[,.;:!?"()]|[,.;:!?"()](?!\d)', "", sentence)
    return Example({"text": " ".join(bare.split())}, sentence)


fix_punct = Task(
    name="fix_punct",
    cluster="text_formatting",
    source=hub("Helsinki-NLP/opus-100", "de-en"),
    example=_fix_punct,
    templates=[
        Template("Add the missing punctuation: {{ text }}"),
        Template('"{{ text }}"\nThe commas, periods and other marks are gone from the text above. Write it out with them.'),
        Template("Punctuate this transcript. Do not change a word of it.\nTranscript: {{ text }}"),
        Template("Where do the punctuation marks belong? Give the whole text with its marks. Text: {{ text }}"),
        Template("no punctuation: {{ text }}", cue="punctuated:"),
        Template(
            "I recorded a voice memo and my phone wrote it down without a single comma or full stop. Please fix that for me. "
            'It says "{{ text }}"'
        ),
        Template(
            'An author sends in the line "{{ text }}" and asks you to take care of the punctuation. Send back your version.'
        ),
        Template(
            "Copy the following, ending each sentence as it should end and setting off whatever has to be set off by commas, "
            "quotation marks or parentheses.\nCopy this: {{ text }}",
            cue="Copy:",
        ),
        Template('A printer that has no punctuation prints "{{ text }}" What was it meant to print?'),
        Template(
            "Teacher's note: good words, but where is the punctuation? Please write this again. Your answer was: {{ text }}"
        ),
    ],
    lineage=["opus"],
    metrics=["exact_match", "bleu"],
    train="train[30000:60000]",
    evaluation="test[600:1200]",
    licence="unknown",
    link=_OPUS_LINK,
)


def _word_segment(row):
    sentence = _opus_sentence(row)
    return Example({"text": sentence.replace(" ", "")}, sentence)


word_segment = Task(
    name="word_segment",
    cluster="text_formatting",
    source=hub("Helsinki-NLP/opus-100", "de-en"),
    example=_word_segment,
    templates=[
        Template("Put spaces between the words: {{ text }}"),
        Template('"{{ text }}"\nAll spaces have been lost from this sentence. What did it say?'),
        Template("Split this string of letters into English words. String: {{ text }}", cue="Words:"),
        Template('My space bar is broken, so I typed "{{ text }}" Could you type it properly?'),
        Template(
            "Old manuscripts were written without gaps between words. Read this line as a modern editor would print it.\n"
            "Line: {{ text }}"
        ),
        Template("Segment into words, keeping letters and punctuation exactly as they are: {{ text }}"),
        Template('The name of a file ran the words of a sentence together as "{{ text }}" Which sentence is it?'),
        Template("Find the word boundaries.\nInput: {{ text }}", cue="Output:"),
        Template('Read aloud, "{{ text }}" is a normal English sentence. Write that sentence with the usual spaces.'),
        Template(
            "Take the spaces out of this sentence, as in a hashtag: {{ answer }}",
            "{{ text }}",
            kind="inverted",
            name="run_together",
        ),
        Template(
            "Your message may contain no spaces at all. Adapt this one: {{ answer }}",
            "{{ text }}",
            kind="inverted",
            name="no_spaces",
        ),
    ],
    lineage=["opus"],
    metrics=["exact_match", "bleu"],
    train="train[60000:90000]",
    evaluation="test[1200:1800]",
    licence="unknown",
    link=_OPUS_LINK,
)


# --- corrected by people -----------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/jhu-clsp/jfleg · licence: CC BY-NC-SA 4.0
# {'sentence': 'For not use car . ', 'corrections': ['Not for use with a car . ', 'Do not use in the car . ',
#  'Car not for use . ', 'Can not use the car . ']}
def _jfleg(row):
    corrections = tuple(dict.fromkeys(_untokenized(c) for c in row["corrections"] if c.strip()))
    sentence = _untokenized(row["sentence"])
    return Example({"sentence": sentence, "wrong": sentence not in corrections}, corrections)


jfleg = Task(
    name="jfleg",
    cluster="text_formatting",
    source=hub("jhu-clsp/jfleg"),
    example=_jfleg,
    templates=[
        Template("Correct the mistakes in this sentence: {{ sentence }}"),
        Template('"{{ sentence }}" How would a native speaker of English put this?'),
        Template(
            "A student of English wrote the sentence below in a test essay. Rewrite it so that it is correct and reads "
            "smoothly, without changing what it means.\nSentence: {{ sentence }}"
        ),
        Template("Learner: {{ sentence }}", cue="Tutor:"),
        Template('Would you say "{{ sentence }}" or would you say it differently? Give the sentence as it should be.'),
        Template("Proofread the following for spelling, grammar and word choice. {{ sentence }}", cue="Proofread version:"),
        Template("I am not sure about my English in this line of my essay. Can you fix it? {{ sentence }}"),
        Template(
            "Something may be off in the sentence below, be it a verb form, an article, a spelling or the word order. Write "
            "it in fluent English.\nSentence: {{ sentence }}"
        ),
        Template(
            "An examiner would underline the errors in this line from an essay. Write the line as it looks after correction. "
            "{{ sentence }}"
        ),
        Template("Make this sound natural: {{ sentence }}"),
        Template(
            "{{ answer }}\nWrite this as somebody might who is still learning English, with the kinds of mistakes that "
            "learners make.",
            "{{ sentence }}",
            kind="inverted",
            name="write_as_learner",
            when="wrong",
        ),
    ],
    lineage=["jfleg", "toefl11"],
    metrics=_QUALITY,
    train="validation",
    evaluation="test",
    licence="CC BY-NC-SA 4.0",
    link="https://huggingface.co/datasets/jhu-clsp/jfleg",
)


# https://huggingface.co/datasets/grammarly/coedit · licence: Apache-2.0
# {'_id': '1', 'task': 'gec', 'src': 'Remove all grammatical errors from this text: For example, countries with a lot of ...',
#  'tgt': 'For example, countries with a lot of deserts can transform their desert to increase their habitable land ...'}
# Its own instruction stands before the first colon of src and is taken off. One task here for each of three kinds of edit.
def _coedit(kind, row):
    if row["task"] != kind:
        raise SkipRow("another kind of edit")
    _, colon, text = row["src"].partition(": ")
    if not colon or not text.strip():
        raise SkipRow("no instruction before the text")
    text, edited = (" ".join(t.split()) for t in (text, row["tgt"]))
    return Example({"text": text, "changed": text != edited}, edited)


coedit_gec = Task(
    name="coedit_gec",
    cluster="text_formatting",
    source=hub("grammarly/coedit"),
    example=lambda row: _coedit("gec", row),
    templates=[
        Template("Is there a grammar mistake here? Give the text without it. {{ text }}"),
        Template('Text: "{{ text }}"\nReturn it with its grammar repaired and nothing else touched.'),
        Template("Draft: {{ text }}", cue="Corrected draft:"),
        Template("Before I send this, please check the grammar for me: {{ text }}"),
        Template(
            "You are copy editing a forum post. Articles, prepositions, agreement and verb tenses may be wrong; the content "
            "is not yours to change.\nPost: {{ text }}"
        ),
        Template("Grammar check. Original: {{ text }}", cue="Revised:"),
        Template("Rewrite in grammatical English: {{ text }}"),
        Template('What should the writer of "{{ text }}" have written?'),
        Template("Exercise: find the error or errors in the passage and write the passage out correctly.\nPassage: {{ text }}"),
        Template("As few changes as possible, but the result must be correct English. {{ text }}"),
        Template(
            "Make up a proofreading exercise: put one or two grammar mistakes into this text. {{ answer }}",
            "{{ text }}",
            kind="inverted",
            name="write_exercise",
            when="changed",
        ),
    ],
    lineage=["coedit", "lang8", "nucle", "wi_locness"],
    metrics=_QUALITY,
    evaluation="validation",
    long_fields=["text", "answer"],
    licence="Apache-2.0",
    link=_COEDIT_LINK,
)

coedit_neutralize = Task(
    name="coedit_neutralize",
    cluster="text_formatting",
    source=hub("grammarly/coedit"),
    example=lambda row: _coedit("neutralize", row),
    templates=[
        Template("Rewrite this from a neutral point of view: {{ text }}"),
        Template('"{{ text }}"\nAn encyclopedia should not take sides. Edit the sentence accordingly.'),
        Template(
            "The following line of an encyclopedia article praises, blames or takes something for granted. Remove the bias "
            "and keep the facts.\nLine: {{ text }}"
        ),
        Template("Biased: {{ text }}", cue="Neutral:"),
        Template("Which words here give away the writer's opinion? Write the sentence without that opinion. {{ text }}"),
        Template("Editor to author: your sentence is slanted. Please send it again in neutral words. You sent: {{ text }}"),
        Template('How would a news agency report "{{ text }}" without any judgment?'),
        Template("Take the loaded language out of this: {{ text }}"),
        Template("Say the same with no hint of what you think about it. {{ text }}"),
        Template("Tone down to plain fact. Input: {{ text }}", cue="Output:"),
        Template(
            "{{ answer }}\nThat is a neutral sentence. Show how it might read if its writer had let a view of the matter "
            "slip in.",
            "{{ text }}",
            kind="inverted",
            name="add_slant",
        ),
    ],
    lineage=["coedit", "wiki_neutrality_corpus"],
    metrics=_QUALITY,
    evaluation="validation",
    long_fields=["text", "answer"],
    licence="Apache-2.0",
    link=_COEDIT_LINK,
)

coedit_coherence = Task(
    name="coedit_coherence",
    cluster="text_formatting",
    source=hub("grammarly/coedit"),
    example=lambda row: _coedit("coherence", row),
    templates=[
        Template("Join these sentences so that they flow: {{ text }}"),
        Template(
            "Statements: {{ text }}\nThe sentences above stand side by side without a link. Rewrite them as coherent prose."
        ),
        Template("Add a connecting word, a pronoun or a relative clause wherever it makes this text hang together. {{ text }}"),
        Template("Choppy: {{ text }}", cue="Smooth:"),
        Template("How do these facts belong together? Show it by rewriting them as a connected text.\nFacts: {{ text }}"),
        Template("My teacher says that my writing sounds like a list. Could you link the ideas in this part? {{ text }}"),
        Template("Improve the cohesion of the passage and leave its content as it is. {{ text }}", cue="Improved passage:"),
        Template(
            "A good paragraph leads the reader from one sentence to the next. Mend this one, which does not yet: {{ text }}"
        ),
        Template("Fuse into one or two well connected sentences: {{ text }}"),
        Template(
            "Break this up into plain sentences with no connecting words between them: {{ answer }}",
            "{{ text }}",
            kind="inverted",
            name="take_apart",
        ),
    ],
    lineage=["coedit", "discofuse"],
    metrics=_QUALITY,
    evaluation="validation",
    long_fields=["text", "answer"],
    licence="Apache-2.0",
    link=_COEDIT_LINK,
)


# --- revised with an intention -----------------------------------------------------------------------------------------
# https://huggingface.co/datasets/wanyu/IteraTeR_human_sent · licence: Apache-2.0
# {'before_sent': ' It is a widely used method in practise.', 'before_sent_with_intent': '<fluency>  It is a widely used ...',
#  'after_sent': ' It is a widely used method in practice.', 'labels': 'fluency', 'confidence': 1, 'doc_id': 'arxiv-2001',
#  'revision_depth': 1}   labels: clarity, fluency, coherence, style, meaning-changed, others
_INTENTS = ("clarity", "fluency", "coherence", "style", "meaning-changed")


def _iterater(row):
    before, after = (" ".join(row[name].split()) for name in ("before_sent", "after_sent"))
    if row["labels"] not in _INTENTS or not before or not after or before == after:
        raise SkipRow("no intention that can be named, or nothing left to compare")
    return before, after


_PURPOSES = {
    "clarity": "clearer",
    "fluency": "free of mistakes",
    "coherence": "better connected",
    "style": "closer to the writer's own style",
}


def _iterater_revise(row):
    before, after = _iterater(row)
    if row["labels"] not in _PURPOSES:
        raise SkipRow("a change of meaning cannot be foreseen")
    return Example({"sentence": before, "purpose": _PURPOSES[row["labels"]]}, after)


iterater_revise = Task(
    name="iterater_revise",
    cluster="text_formatting",
    source=hub("wanyu/IteraTeR_human_sent"),
    example=_iterater_revise,
    templates=[
        Template("Revise the text to make it {{ purpose }}: {{ sentence }}"),
        Template('"{{ sentence }}"\nMake this {{ purpose }}.'),
        Template("Note on the first draft: this passage should be {{ purpose }}. Write the second draft of it. {{ sentence }}"),
        Template("Goal of the revision: {{ purpose }}. First version: {{ sentence }}", cue="Second version:"),
        Template("How would you edit the following so that it becomes {{ purpose }}?\nText: {{ sentence }}"),
        Template(
            "You are polishing an article before it is published. One passage should be {{ purpose }}, with the meaning "
            "kept. {{ sentence }}"
        ),
        Template("I would like this part of my draft to be {{ purpose }}. What do you suggest? It reads: {{ sentence }}"),
        Template('Change "{{ sentence }}" only as far as needed for it to be {{ purpose }}.'),
        Template("Editing task: the output should be {{ purpose }}.\nInput: {{ sentence }}", cue="Output:"),
        Template("Take another pass over this passage, with a single aim: it should come out {{ purpose }}. {{ sentence }}"),
    ],
    lineage=["iterater"],
    metrics=_QUALITY,
    evaluation="validation",
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/wanyu/IteraTeR_human_sent",
)


def _iterater_intent(row):
    before, after = _iterater(row)
    return Example({"before": before, "after": after}, row["labels"], _INTENTS)


_AIMS = {
    "clarity": "to be clearer",
    "fluency": "to fix an error",
    "coherence": "to connect the ideas",
    "style": "to suit the writer's taste",
    "meaning-changed": "to change what is said",
}
_GOALS = {
    "clarity": "clear",
    "fluency": "fluent",
    "coherence": "coherent",
    "style": "stylish",
    "meaning-changed": "different in meaning",
}

iterater_intent = Task(
    name="iterater_intent",
    cluster="text_formatting",
    source=hub("wanyu/IteraTeR_human_sent"),
    example=_iterater_intent,
    templates=[
        Template(
            "Before: {{ before }}\nAfter: {{ after }}\nWhy was it changed: {{ choices[:-1] | join(', ') }}, or "
            "{{ choices[-1] }}?",
            words=_AIMS,
        ),
        Template(
            "A writer replaced one version of a text by another. Name the purpose of the edit: clarity, fluency, coherence, "
            "style, or meaning-changed if the content is new.\nOld version: {{ before }}\nNew version: {{ after }}",
            options="never",
        ),
        Template(
            'Somebody edited "{{ before }}" into "{{ after }}" Did the edit aim at clarity, fluency, coherence or style, or '
            "was the meaning changed? For the last, say meaning-changed.",
            options="never",
        ),
        Template(
            "Which of these best describes the revision?\n{{ options }}\nFrom: {{ before }}\nTo: {{ after }}",
            options="always",
            words={
                "clarity": "It says the same more clearly.",
                "fluency": "It corrects grammar, spelling or punctuation.",
                "coherence": "It makes the sentences hang together.",
                "style": "It follows the writer's stylistic preference.",
                "meaning-changed": "It updates or adds information.",
            },
        ),
        Template(
            "Compare the two drafts and say what the writer tried to make the text: clear, fluent, coherent, stylish, or "
            "different in meaning.\nDraft 1: {{ before }}\nDraft 2: {{ after }}",
            words=_GOALS,
            options="never",
            cue="The edit made the text",
        ),
        Template(
            "Label an edit from the history of a page with clarity, fluency, coherence, style or meaning-changed. Removed: "
            "{{ before }} Put in its place: {{ after }}",
            options="never",
            cue="Label:",
        ),
        Template(
            '"{{ before }}" was revised to "{{ after }}" Was this done to be clearer, to fix an error, to connect the ideas, '
            "to suit the writer's taste, or to change what is said?",
            words=_AIMS,
            options="never",
        ),
        Template(
            "A journal sorts revisions into type 1 (clearer wording), type 2 (an error corrected), type 3 (ideas better "
            "linked), type 4 (a matter of style) and type 5 (new content). Which type is this? Earlier text: {{ before }} "
            "Later text: {{ after }}",
            words=dict(zip(_INTENTS, ("type 1", "type 2", "type 3", "type 4", "type 5"), strict=True)),
            options="never",
        ),
        Template(
            "Judging from what changed, what was the editor after?\n{{ options }}\nThen: {{ before }}\nNow: {{ after }}",
            options="always",
        ),
        Template(
            'Commit message wanted. The sentence "{{ before }}" now reads "{{ after }}" Answer with the one word that says '
            "why: clarity, fluency, coherence, style or meaning-changed.",
            options="never",
        ),
        Template(
            '"{{ before }}"\nThe edit of this text had the label {{ answer }}. What might the edited text be?',
            "{{ after }}",
            kind="inverted",
            name="make_edit",
        ),
    ],
    lineage=["iterater"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/wanyu/IteraTeR_human_sent",
)

# https://huggingface.co/datasets/s-nlp/paradetox · licence: OpenRAIL++
# {'en_toxic_comment': 'he had steel balls too !', 'en_neutral_comment': 'he was brave too!'}
paradetox = Task(
    name="paradetox",
    cluster="text_formatting",
    source=hub("s-nlp/paradetox"),
    example=lambda row: Example({"comment": _untokenized(row["en_toxic_comment"])}, _untokenized(row["en_neutral_comment"])),
    templates=[
        Template("Rewrite this comment politely: {{ comment }}"),
        Template('"{{ comment }}"\nSay the same without being rude.'),
        Template("Moderator's request: please post your comment again without the offensive words. You wrote: {{ comment }}"),
        Template("Rude: {{ comment }}", cue="Civil:"),
        Template(
            "Keep the point that this internet user makes, but take out insults, swearing and contempt.\nComment: {{ comment }}"
        ),
        Template('What would somebody with better manners have written instead of "{{ comment }}"?'),
        Template("The comment section has a filter for toxic language. Word this so that it gets through: {{ comment }}"),
        Template("How can one express this in a neutral tone? {{ comment }}"),
        Template("I was angry when I wrote this. Help me calm it down before I press send: {{ comment }}"),
        Template("Detoxify, and change no more than necessary. {{ comment }}", cue="Neutral version:"),
    ],
    lineage=["paradetox"],
    metrics=_QUALITY,
    train="train[:95%]",
    evaluation="train[95%:]",
    licence="OpenRAIL++",
    link="https://huggingface.co/datasets/s-nlp/paradetox",
)

text_formatting = Mixture(
    name="text_formatting",
    parts=[
        true_case,
        fix_punct,
        word_segment,
        jfleg,
        coedit_gec,
        coedit_neutralize,
        coedit_coherence,
        iterater_revise,
        iterater_intent,
        paradetox,
    ],
    rate=proportional(cap=3000),
)
