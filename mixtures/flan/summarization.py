"""Summarization: news, mail, chats, bills, papers, how-to guides and reviews in fewer words, and simplification.

FLAN 2021's cluster and T0's, as far as they can be had as data today, with DialogSum, BillSum, PubMed, Opinosis and ASSET
beside them. Missing:
  newsroom (FLAN): its files have to be asked for with a form, by hand.
  opinion_abstracts_rotten_tomatoes, opinion_abstracts_idebate (FLAN): they exist as an archive on a university's page, which
    tensorflow-datasets downloads; no copy was found on the hub.
  ag_news_subset: FLAN keeps it in this cluster, but it is topic classification.

WikiLingua is read from its authors' repository, because GEM/wiki_lingua (FLAN's copy) has only a loading script.
"""

import re
import urllib.parse

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional

ROUGE = ["rougeL", "rouge1", "rouge2"]

_BRACKETS = {"-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]"}


def _one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def _joined(text):
    """Undoes the tokenization of a text: "`` no , '' he said -lrb- twice -rrb- ." is '"no," he said (twice).'."""
    text = re.sub(r"-[lr][rs]b-", lambda match: _BRACKETS[match[0].lower()], text, flags=re.IGNORECASE)
    text = re.sub(r"``\s*|\s*''", '"', text)
    text = re.sub(r"\s+([,.;:?!%)\]](?!\w))", r"\1", text)
    text = re.sub(r"([(\[])\s+", r"\1", text)
    text = re.sub(r"\s+('(?:s|re|ve|ll|d|m)\b|n't\b)", r"\1", text)
    return _one_line(text)


# https://huggingface.co/datasets/Yale-LILY/aeslc · licence: CC BY-NC-SA 4.0
# {'email_body': 'Phillip,  I will get a room for our Wednesday 10:00 meeting and email you with the room number.\nFYI, ...',
#  'subject_line': 'Wednesday Meeting'}
# Some bodies hold the =09, =20 and line-end marks of quoted-printable mail.
def _aeslc(row):
    body = re.sub(r"(?<=\w)=\s+(?=\w)", "", re.sub(r"=(?:09|20)", " ", row["email_body"]))
    return Example({"email": _one_line(body)}, _one_line(row["subject_line"]))


aeslc = Task(
    name="aeslc",
    cluster="summarization",
    source=hub("Yale-LILY/aeslc"),
    example=_aeslc,
    templates=[
        Template(
            "Below is the body of an office email whose subject line has been lost. Write the subject line.\nEmail: {{ email }}"
        ),
        Template("{{ email }}\nThat is the whole message. What would you put in its subject field?"),
        Template(
            "I'm about to send this to a colleague and can't think of a subject. Can you suggest one? The mail: {{ email }}"
        ),
        Template(
            "In as few words as you can, say what this message is about, so that its reader can find it again in a full "
            "inbox.\nMessage: {{ email }}"
        ),
        Template("Body: {{ email }}", cue="Subject:"),
        Template(
            "A company's old mail is being catalogued, and each message gets a short heading. The next one reads: "
            "{{ email }}\nWhich heading should it get?"
        ),
        Template("Which subject did the sender of this email most likely type? Email: {{ email }}"),
        Template(
            "Reply with a subject for the mail below and nothing else: no greeting, no quotation marks, no explanation.\n"
            "Mail: {{ email }}"
        ),
        Template(
            'The mail program warns: "This message has no subject. Send it anyway?" You press Cancel and type one after all. '
            "The message you were sending: {{ email }}",
            cue="The subject you type:",
        ),
        Template(
            "Write the body of a work email that has this subject line: {{ answer }}",
            "{{ email }}",
            kind="inverted",
            name="write_email",
        ),
        Template(
            'A message arrives in the mailbox of someone who works for an energy company. Its subject is "{{ answer }}". '
            "What might it say? Write the full text.",
            "{{ email }}",
            kind="inverted",
            name="guess_body",
        ),
    ],
    lineage=["aeslc", "enron"],
    metrics=ROUGE,
    train="train",
    evaluation="test",
    long_fields=["email", "answer"],
    licence="CC BY-NC-SA 4.0",
    link="https://huggingface.co/datasets/Yale-LILY/aeslc",
)


# https://huggingface.co/datasets/abisee/cnn_dailymail (3.0.0) · licence: Apache-2.0
# {'article': '(CNN) -- Venezuelan President Hugo Chavez said Wednesday he is cutting all ties with Colombia ...',
#  'highlights': 'Chavez says Uribe had asked him to help secure the release of hostages .\nUribe cited ...', 'id': '...'}
def _cnn_dailymail(row):
    article = re.sub(r"^.{0,60}\(CNN\)\s*(?:--)?\s*", "", _one_line(row["article"]))
    article = re.sub(
        r"\s*(?:E-mail to a friend\s*\.?|Copyright \d{4} .{0,80}All rights reserved.*?redistributed\.)", "", article
    )
    highlights = [re.sub(r"\s+([.?!])$", r"\1", line.strip()) for line in row["highlights"].splitlines() if line.strip()]
    highlights = [line if re.search(r"[.?!][\"']?$", line) else line + "." for line in highlights]
    return Example({"article": article, "lead": highlights[0]}, " ".join(highlights))


cnn_dailymail = Task(
    name="cnn_dailymail",
    cluster="summarization",
    source=hub("abisee/cnn_dailymail", "3.0.0"),
    example=_cnn_dailymail,
    templates=[
        Template(
            "Write the highlights of this news story: the three or four points that a hurried reader needs.\n"
            "Story: {{ article }}"
        ),
        Template("{{ article }}\nWhat are the main points of this report? Give each of them a short sentence of its own."),
        Template(
            'You run the home page of a news site. Beside every story stands a box called "Story highlights". Fill in the '
            "box for this one. Story: {{ article }}"
        ),
        Template("Article: {{ article }}", cue="Key points:"),
        Template("Can you boil this article down for me? I only have time for a few sentences. Article: {{ article }}"),
        Template(
            "Exam question 4. Read the newspaper article and list what happened, who was involved and what may come next, in "
            "no more than four short sentences. Article: {{ article }}"
        ),
        Template(
            "A reader has pasted in an article from CNN or the Daily Mail. Reduce it to its news; leave out quotations and "
            "background.\nThe article: {{ article }}"
        ),
        Template("News copy follows. {{ article }} End of copy. Brief the newsreader on it in a few crisp statements."),
        Template("tl;dr of the following news story, please: {{ article }}"),
        Template(
            "Write the newspaper article that these highlights were taken from.\nHighlights: {{ answer }}",
            "{{ article }}",
            kind="inverted",
            name="write_article",
        ),
        Template(
            "The desk has only bullet points from the correspondent: {{ answer }}\n"
            "Turn them into a full report for the website.",
            "{{ article }}",
            kind="inverted",
            name="report_from_points",
        ),
        Template(
            "If readers could learn only one thing from this story, what should it be? Answer in one sentence. Story: "
            "{{ article }}",
            "{{ lead }}",
            kind="inverted",
            name="single_point",
        ),
    ],
    lineage=["cnn_dailymail"],
    metrics=ROUGE,
    train="train",
    evaluation="test",
    long_fields=["article", "answer"],
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/abisee/cnn_dailymail",
)


# https://huggingface.co/datasets/Harvard/gigaword · licence: MIT (the text is the Linguistic Data Consortium's)
# {'document': 'libyan leader moamer kadhafi monday promised wide political and economic reforms that he said would see ...',
#  'summary': 'kadhafi promises wide political economic reforms'}   lower case, # for each digit, UNK for rare words
def _gigaword(row):
    if re.search(r"\bunk\b", row["summary"], re.IGNORECASE):
        raise SkipRow("the headline has an unknown word in it")
    sentence, headline = (
        _joined(re.sub(r"(?<=\w) - (?=\w)", "-", row[column].replace("\\/", "/"))) for column in ("document", "summary")
    )
    return Example({"sentence": sentence}, headline)


gigaword = Task(
    name="gigaword",
    cluster="summarization",
    source=hub("Harvard/gigaword", revision="refs/convert/parquet"),
    example=_gigaword,
    templates=[
        Template("Write a headline, in lower case, for the news story that opens with this sentence: {{ sentence }}"),
        Template("{{ sentence }}\nA newspaper prints this as the first sentence of a report. What is the headline above it?"),
        Template("First sentence: {{ sentence }}", cue="Headline:"),
        Template(
            "Shorten this sentence from a news agency to eight words or so. Use the present tense, drop the articles and "
            "write everything in lower case, as the agency's headlines do. Sentence: {{ sentence }}"
        ),
        Template("How would a wire service sum this up in one line? The dispatch begins: {{ sentence }}"),
        Template(
            "The ticker at the bottom of the screen has room for one short line. Make one from this dispatch, without "
            "capitals: {{ sentence }}"
        ),
        Template("{{ sentence }}\nPut the news in this sentence into a headline. Figures stay masked with number signs."),
        Template('What\'s the story here, in a handful of words? "{{ sentence }}"'),
        Template(
            "Dear subeditor, the lead below came in without a title. Please supply one in the agency's usual lower-case "
            "style.\nLead: {{ sentence }}"
        ),
        Template(
            'Given the headline "{{ answer }}", write the opening sentence of the report, in lower case.',
            "{{ sentence }}",
            kind="inverted",
            name="write_lead",
        ),
        Template(
            "Headline: {{ answer }}\n"
            "The reporter who wrote the story under it packed who, what, when and where into the first sentence. How might "
            "that sentence read?",
            "{{ sentence }}",
            kind="inverted",
            name="expand_headline",
        ),
    ],
    lineage=["gigaword"],
    metrics=ROUGE,
    train="train",
    evaluation="test",
    long_fields=["sentence"],
    licence="MIT",
    link="https://huggingface.co/datasets/Harvard/gigaword",
)


# https://huggingface.co/datasets/alexfabbri/multi_news · licence: other (its own agreement: research, no commercial use)
# {'document': 'National Archives Yes, it’s that time again, folks. ... ||||| Employers pulled back ...',
#  'summary': '– The unemployment rate dropped to 8.2% last month, but the economy only added 120,000 jobs ...'}
# The articles of a row are separated by |||||. Rows with a single article are left out.
def _multi_news(row):
    parts = (_one_line(part.replace("NEWLINE_CHAR", " ")) for part in row["document"].split("|||||"))
    articles = [part for part in parts if part]
    if len(articles) < 2:
        raise SkipRow("a single article")
    numbered = "\n".join(f"Article {number}: {article}" for number, article in enumerate(articles, 1))
    summary = re.sub(r"^[–-]\s*", "", _one_line(row["summary"]))
    return Example({"articles": numbered, "count": len(articles), "first": articles[0]}, summary)


multi_news = Task(
    name="multi_news",
    cluster="summarization",
    source=hub("alexfabbri/multi_news", revision="refs/convert/parquet"),
    example=_multi_news,
    templates=[
        Template(
            "Several news outlets have covered the same event. Combine their reports into one summary that stands on its "
            "own.\n{{ articles }}"
        ),
        Template("{{ articles }}\nThese {{ count }} articles tell one story. Tell it in a paragraph or two."),
        Template("What do we learn if we read all of these reports together? Write it up for a news digest.\n{{ articles }}"),
        Template("Sources, {{ count }} in all:\n{{ articles }}", cue="Digest of the sources:"),
        Template(
            "An editor says: \"I've been sent {{ count }} pieces on this and can run only one. Merge them, keep the facts "
            "that matter from each, and don't repeat yourself.\"\n{{ articles }}"
        ),
        Template(
            "The articles below overlap and add to each other. Write a single account from them, with the main development "
            "first and the details and quotations that explain it after.\n{{ articles }}"
        ),
        Template("I missed this story completely. Catch me up, using everything here.\n{{ articles }}"),
        Template(
            "Task for a trainee: read the {{ count }} clippings and produce a summary for subscribers who will read none of "
            "them.\n{{ articles }}"
        ),
        Template("Make a news summary of about two hundred words out of this press coverage.\n{{ articles }}"),
        Template(
            "{{ articles }}\n"
            "A site that digests the day's news for its readers covered this as well, in its own words. What did its piece "
            "say?"
        ),
        Template(
            "A digest of several articles says: {{ answer }}\nWrite one of the articles that it could be based on.",
            "{{ first }}",
            kind="inverted",
            name="write_source",
        ),
    ],
    lineage=["newser"],
    metrics=ROUGE,
    train="train",
    evaluation="test",
    long_fields=["articles", "first", "answer"],
    licence="other",
    link="https://huggingface.co/datasets/alexfabbri/multi_news",
)


# https://huggingface.co/datasets/knkarthick/samsum · licence: CC BY-NC-ND 4.0
# {'id': '13818513',
#  'dialogue': "Amanda: I baked  cookies. Do you want some?\r\nJerry: Sure!\r\nAmanda: I'll bring you tomorrow :-)",
#  'summary': 'Amanda baked cookies and will bring Jerry some tomorrow.'}
# <file_photo> and the like stand for attachments.
def _samsum(row):
    dialogue = re.sub(
        r"<\s?(?:file[_:\s]*)?([a-z]\w*?)(?:_file)?>", lambda m: f"({m[1].replace('_', ' ')})", row["dialogue"], flags=re.I
    )
    lines = (_one_line(line.replace("<3", "(heart)")) for line in dialogue.splitlines())
    return Example({"chat": "\n".join(line for line in lines if line)}, _one_line(row["summary"]))


samsum = Task(
    name="samsum",
    cluster="summarization",
    source=hub("knkarthick/samsum"),
    example=_samsum,
    templates=[
        Template("Sum up this chat in a sentence or two, calling everyone by name.\nThe chat: {{ chat }}"),
        Template("{{ chat }}\nWhat came out of this exchange of messages?"),
        Template(
            "My phone was off, and I have only now received these messages. What did I miss, in short? Messages: {{ chat }}"
        ),
        Template("Chat log: {{ chat }}", cue="In brief:"),
        Template(
            "Retell the conversation below in the third person. Keep plans, times and places; drop greetings, jokes and "
            "smileys.\nConversation: {{ chat }}"
        ),
        Template(
            "A parent asks a teenager what all the texting is about. Answer with a short, factual account of the texts.\n"
            "The texts: {{ chat }}"
        ),
        Template("Who wants what, and what is agreed in the end? Write it down briefly. The texts read: {{ chat }}"),
        Template(
            "A messaging app puts a short summary above every unread conversation, so that people know what is in it. Write "
            "the one for this conversation.\nUnread: {{ chat }}"
        ),
        Template("{{ chat }}\nReport this chat to someone who knows the people in it but has no time to scroll."),
        Template("Make one plain statement of the facts out of these text messages. Text messages: {{ chat }}"),
        Template(
            "Invent the chat between friends that could be summed up like this: {{ answer }}",
            "{{ chat }}",
            kind="inverted",
            name="write_chat",
        ),
        Template(
            '"{{ answer }}" That is all we know about a conversation on a messaging app. Write out the conversation, with a '
            "name before every message.",
            "{{ chat }}",
            kind="inverted",
            name="write_messages",
        ),
    ],
    lineage=["samsum"],
    metrics=ROUGE,
    train="train",
    evaluation="test",
    long_fields=["chat", "answer"],
    licence="CC BY-NC-ND 4.0",
    link="https://huggingface.co/datasets/knkarthick/samsum",
)


# https://huggingface.co/datasets/EdinburghNLP/xsum · licence: unknown (articles of the BBC)
# {'document': 'Weaknesses in the way mice swapped data with computers left them vulnerable, said security firm Bastille ...',
#  'summary': 'Hackers could gain access to home and corporate networks via security flaws in wireless mice, ...', 'id': '...'}
# The summary was the article's first sentence and has been cut from it.
xsum = Task(
    name="xsum",
    cluster="summarization",
    source=hub("EdinburghNLP/xsum", revision="refs/convert/parquet"),
    example=lambda row: Example({"article": _one_line(row["document"])}, _one_line(row["summary"])),
    templates=[
        Template("Say in a single sentence what this BBC article is about.\nArticle: {{ article }}"),
        Template(
            "{{ article }}\nThe opening sentence of this report, which gave the whole story, has gone missing. Restore it."
        ),
        Template("Report: {{ article }}", cue="The report in one sentence:"),
        Template("Tell me the news in one breath. The report: {{ article }}"),
        Template(
            "BBC News prints the first sentence of every story in bold, and a reader who stops there should still know what "
            "happened. Write that sentence for the text below.\nText: {{ article }}"
        ),
        Template("What happened, to whom, and where? Answer all three in one sentence, from this report: {{ article }}"),
        Template(
            'A friend sends you a long link and you answer: "Just tell me what it says." Your friend replies with one line. '
            "The page behind the link reads: {{ article }}",
            cue="Your friend's line:",
        ),
        Template("Compress the whole of this news text into one sentence of about twenty words: {{ article }}"),
        Template(
            "Without copying any sentence of it, state the gist of the following article in one sentence. Article: "
            "{{ article }}"
        ),
        Template(
            "Here is a story from a British news site. {{ article }}\n"
            "How would a presenter on the radio announce it in a single sentence?"
        ),
        Template(
            "An article begins like this: {{ answer }}\nGo on and write the rest of it.",
            "{{ article }}",
            kind="inverted",
            name="continue_article",
        ),
        Template(
            "Write a news report of several paragraphs about the following event or statement: {{ answer }}",
            "{{ article }}",
            kind="inverted",
            name="write_report",
        ),
    ],
    lineage=["xsum", "bbc"],
    metrics=ROUGE,
    train="train",
    evaluation="test",
    long_fields=["article", "answer"],
    licence="unknown",
    link="https://huggingface.co/datasets/EdinburghNLP/xsum",
)


# https://huggingface.co/datasets/knkarthick/dialogsum · licence: CC BY-NC-SA 4.0
# {'id': 'dev_8', 'dialogue': '#Person1#: How do you usually spend your leisure time? ...\n#Person2#: Of course. ...',
#  'summary': "#Person1# asks about #Person2#'s hobbies. #Person2# likes photography and has a photo studio.",
#  'topic': 'hobby'}   the test split has three rows a dialogue, with a summary each
def _dialogsum(row):
    dialogue, summary = (re.sub(r"#(Person\d)#", r"\1", row[column]) for column in ("dialogue", "summary"))
    lines = (_one_line(line) for line in dialogue.splitlines())
    return Example(
        {"dialogue": "\n".join(line for line in lines if line), "topic": _one_line(row["topic"])}, _one_line(summary)
    )


dialogsum = Task(
    name="dialogsum",
    cluster="summarization",
    source=hub("knkarthick/dialogsum"),
    example=_dialogsum,
    templates=[
        Template("Summarize this spoken dialogue. Refer to the speakers as they are labeled.\nDialogue: {{ dialogue }}"),
        Template("{{ dialogue }}\nWrite down what was said in this conversation, without quoting anyone."),
        Template("Transcript: {{ dialogue }}", cue="Minutes of the conversation:"),
        Template(
            "Someone overheard the following on a bus. What could they tell a friend about it in two or three sentences?\n"
            "Overheard: {{ dialogue }}"
        ),
        Template(
            "Listening exercise: explain what the speakers in the recording talk about and what they decide.\n"
            "Recording: {{ dialogue }}"
        ),
        Template(
            "What does each person want, and how does the conversation end? Keep the answer short. Conversation: {{ dialogue }}"
        ),
        Template(
            "A conversation has been written down, and the file needs a note of a few lines so that nobody has to read it "
            "all again. It goes like this: {{ dialogue }}\nWrite the note."
        ),
        Template(
            'In a collection of everyday talk, the dialogue below is filed under "{{ topic }}". Sum it up.\n'
            "Dialogue: {{ dialogue }}"
        ),
        Template(
            'Turn this dialogue into a report in the present tense, as in "Person1 asks Person2 for help".\n'
            "Dialogue: {{ dialogue }}"
        ),
        Template(
            "What is the topic of this conversation? Name it in one to four words.\nConversation: {{ dialogue }}",
            "{{ topic }}",
            kind="inverted",
            name="topic",
        ),
        Template(
            "Write an everyday dialogue that fits the summary below. Begin every turn with the speaker's label.\n"
            "Summary: {{ answer }}",
            "{{ dialogue }}",
            kind="inverted",
            name="write_dialogue",
        ),
        Template(
            "A course book needs a conversation for a lesson on this topic: {{ topic }}\n"
            "Write one between Person1 and Person2.",
            "{{ dialogue }}",
            kind="inverted",
            name="lesson_dialogue",
        ),
    ],
    lineage=["dialogsum", "dailydialog", "dream", "mutual"],
    metrics=ROUGE,
    train="train",
    evaluation="test",
    long_fields=["dialogue", "answer"],
    licence="CC BY-NC-SA 4.0",
    link="https://huggingface.co/datasets/knkarthick/dialogsum",
)


# https://huggingface.co/datasets/FiscalNote/billsum · licence: CC0 1.0
# {'text': "SECTION 1. LIABILITY OF BUSINESS ENTITIES PROVIDING USE OF FACILITIES TO NONPROFIT ORGANIZATIONS. ...",
#  'summary': 'Shields a business entity from civil liability relating to any injury or death occurring at a facility ...',
#  'title': 'A bill to limit the civil liability of business entities providing use of facilities to nonprofit ...'}
# Splits: train and test are bills of the US Congress, ca_test those of California.
def _billsum(row):
    text, title, summary = (_one_line(re.sub("``|''", '"', row[column])) for column in ("text", "title", "summary"))
    return Example({"bill": text, "title": title}, summary)


billsum = Task(
    name="billsum",
    cluster="summarization",
    source=hub("FiscalNote/billsum"),
    example=_billsum,
    templates=[
        Template(
            "Summarize this bill of the United States Congress, saying what it would change in the law.\nBill: {{ bill }}"
        ),
        Template("{{ bill }}\nExplain what this bill does, for citizens who will not read the legal text."),
        Template("What would happen if this bill became law? Text of the bill: {{ bill }}"),
        Template("Title: {{ title }}\nText: {{ bill }}", cue="Digest:"),
        Template(
            "You work for the Congressional Research Service. Draft the official summary of the bill below: name the act "
            "that it amends, the duties and prohibitions that it creates, and the bodies that it concerns.\nBill: {{ bill }}"
        ),
        Template("A senator has five minutes before the vote. Brief the senator on this bill. The bill: {{ bill }}"),
        Template(
            "Whom does this legislation affect, and what does it require, permit, fund or forbid? Answer in one paragraph.\n"
            "Legislation: {{ bill }}"
        ),
        Template(
            "A lobbyist phones about a bill. Its title: {{ title }}\nIts full text: {{ bill }}\n"
            "Tell the lobbyist the essentials."
        ),
        Template(
            'Write the paragraph that appears under "What this bill does" on a website that follows Congress. The bill '
            "reads: {{ bill }}"
        ),
        Template(
            "Condense these sections of a bill into plain prose; leave out the definitions and the section numbers. "
            "Sections: {{ bill }}"
        ),
        Template(
            'Give this bill its official title, in the form "A bill to ..." or "To ..." or as the name of an act.\n'
            "Bill: {{ bill }}",
            "{{ title }}",
            kind="inverted",
            name="title",
        ),
        Template(
            "Summary of a bill before Congress: {{ answer }}\nWhat is the bill called?",
            "{{ title }}",
            kind="inverted",
            name="title_from_summary",
        ),
        Template(
            "You are legislative counsel, and a member of Congress wants this made into law: {{ answer }}\nDraft the bill.",
            "{{ bill }}",
            kind="inverted",
            name="draft_bill",
        ),
    ],
    lineage=["billsum"],
    metrics=ROUGE,
    train="train",
    evaluation="test",
    long_fields=["bill", "answer"],
    licence="CC0 1.0",
    link="https://huggingface.co/datasets/FiscalNote/billsum",
)


# https://huggingface.co/datasets/ccdv/pubmed-summarization (document) · licence: unknown
# {'article': 'anxiety affects quality of life in those living with parkinson s disease ( pd ) more so than overall ...',
#  'abstract': 'research on the implications of anxiety in parkinson s disease ( pd ) has been neglected despite its ...'}
# Lower case and tokenized; figures and citations are masked with @xmath and @xcite.
def _pubmed(row):
    plain = (
        re.sub(r"(?<=\w) - (?=\w)", "-", re.sub(r"@x(?:cite|math)\w*", " ", row[column])) for column in ("article", "abstract")
    )
    article, abstract = map(_joined, plain)
    if not article or not abstract:
        raise SkipRow("no article or no abstract")
    return Example({"paper": article, "introduction": " ".join(re.split(r"(?<=[.?!]) ", article)[:5])}, abstract)


pubmed_summarization = Task(
    name="pubmed_summarization",
    cluster="summarization",
    source=hub("ccdv/pubmed-summarization", "document"),
    example=_pubmed,
    templates=[
        Template("Write the abstract of this medical paper, in lower case like the paper itself.\nPaper: {{ paper }}"),
        Template(
            "{{ paper }}\n"
            "What did the researchers ask, how did they study it, and what did they find? Answer as an abstract would."
        ),
        Template("Full text from PubMed: {{ paper }}", cue="Abstract:"),
        Template(
            "A journal of biomedicine has received the manuscript below without an abstract. Supply one that covers "
            "background, methods, results and conclusion.\nManuscript: {{ paper }}"
        ),
        Template("A doctor wants to know whether this study is worth reading. Tell her what is in it. Study: {{ paper }}"),
        Template("Sum up the following research article for its entry in a medical database.\nResearch article: {{ paper }}"),
        Template(
            "What does this paper contribute to medicine or biology? Describe the work from its aim to its conclusion. "
            "Paper: {{ paper }}"
        ),
        Template(
            "We are preparing a systematic review and need every included article reduced to one paragraph. This is the next "
            "article: {{ paper }}\nReduce it, with the figures that matter."
        ),
        Template(
            "Biomedical article: {{ paper }}\n"
            "Suppose that you wrote this article and must submit a summary of it to a conference. What does the summary say?"
        ),
        Template(
            "Here is the abstract of a paper on a biomedical subject: {{ answer }}\n"
            "Write the paper, beginning with its introduction.",
            "{{ paper }}",
            kind="inverted",
            name="write_paper",
        ),
        Template(
            "How might the introduction of the article begin whose abstract is this one? {{ answer }}",
            "{{ introduction }}",
            kind="inverted",
            name="introduction",
        ),
    ],
    lineage=["pubmed"],
    metrics=ROUGE,
    train="train",
    evaluation="test",
    long_fields=["paper", "answer"],
    licence="unknown",
    link="https://huggingface.co/datasets/ccdv/pubmed-summarization",
)


# https://huggingface.co/datasets/esdurmus/wiki_lingua (english) · licence: CC BY 3.0
# {'url': 'https://www.wikihow.com/Avoid-Drinking-and-Driving', 'article': {
#   'section_name': ['Finding Other Transportation', ...],
#   'document': ['make sure that the area is a safe place, especially if you plan on walking home at night. ...', ...],
#   'summary': [...]}}
# One example a row: the first section of the guide that has both a text and a summary.
def _wiki_lingua(row):
    article = row["article"]
    title = urllib.parse.unquote(row["url"].rstrip("/").rsplit("/", 1)[-1]).replace("-", " ")
    for heading, document, summary in zip(article["section_name"], article["document"], article["summary"], strict=True):
        if document.strip() and summary.strip():
            fields = {"goal": _one_line(title), "heading": _one_line(heading), "text": _one_line(document)}
            return Example(fields, _one_line(summary))
    raise SkipRow("no section with a text and a summary")


wiki_lingua = Task(
    name="wiki_lingua_english_en",
    cluster="summarization",
    source=hub("esdurmus/wiki_lingua", "english"),
    example=_wiki_lingua,
    templates=[
        Template("Reduce these instructions to one short command for each step.\nInstructions: {{ text }}"),
        Template(
            "{{ text }}\n"
            "This comes from a how-to guide. Which steps does it tell the reader to take? List them as brief orders."
        ),
        Template("How to {{ goal }}\n{{ heading }}: {{ text }}", cue="The steps in short:"),
        Template(
            'A wikiHow page bears the title "How to {{ goal }}". Sum up this part of it in a few imperative sentences. Part: '
            "{{ text }}"
        ),
        Template("I want the checklist, not the lecture. Cut this advice down to what I actually have to do: {{ text }}"),
        Template(
            "Every paragraph of a guide starts with a line in bold that says what to do. Write the bold lines for this text: "
            "{{ text }}"
        ),
        Template(
            "Someone is standing in the kitchen, the garage or the garden with dirty hands and can read only a few words at "
            "a glance. Shorten this guide for them.\nGuide: {{ text }}"
        ),
        Template('What does the section "{{ heading }}" of these instructions boil down to? Section: {{ text }}'),
        Template(
            "What should the reader do, step by step, according to this text? Be as brief as a recipe card. Text: {{ text }}"
        ),
        Template(
            "Write the part of a how-to guide that goes with the steps below, with reasons and tips for each.\n"
            "Steps: {{ answer }}",
            "{{ text }}",
            kind="inverted",
            name="write_guide",
        ),
        Template(
            'A guide with the title "How to {{ goal }}" has a section that consists of these steps: {{ answer }}\n'
            "Give the section a heading.",
            "{{ heading }}",
            kind="inverted",
            name="heading",
        ),
        Template(
            "What is somebody trying to achieve who follows this advice? Answer with the title of the guide, after the words "
            '"How to".\nAdvice: {{ text }}',
            "{{ goal }}",
            kind="inverted",
            name="goal",
        ),
    ],
    lineage=["wikihow", "wiki_lingua"],
    metrics=ROUGE,
    train="train[:90%]",
    evaluation="train[90%:]",
    long_fields=["text", "answer"],
    licence="CC BY 3.0",
    link="https://huggingface.co/datasets/esdurmus/wiki_lingua",
)


# https://huggingface.co/datasets/kavgan/opinosis · licence: Apache-2.0
# {'review_sents': ' Ride seems comfortable and gas mileage fairly good averaging 26 city and 30 open road .\r\n ...',
#  'summaries': ['The seats are not comfortable as many other cars in this segment.', ...]}   51 rows, several summaries each
def _opinosis(row):
    sentences = (_joined(line) for line in row["review_sents"].splitlines())
    summaries = dict.fromkeys(_one_line(summary) for summary in row["summaries"] if summary.strip())
    return Example({"opinions": " ".join(sentence for sentence in sentences if sentence)}, tuple(summaries))


opinosis = Task(
    name="opinosis",
    cluster="summarization",
    source=hub("kavgan/opinosis"),
    example=_opinosis,
    templates=[
        Template(
            "These sentences come from many customer reviews and concern one and the same thing. What do customers think of "
            "it?\nReviews: {{ opinions }}"
        ),
        Template("{{ opinions }}\nSum up the opinions above in two short sentences."),
        Template("Customer comments: {{ opinions }}", cue="Overall:"),
        Template(
            "Before I buy or book, what do other people say? Give me the consensus and the main complaint, if there is one. "
            "Other people: {{ opinions }}"
        ),
        Template(
            "The product team wants to know how people feel about one feature. Their remarks have been collected below. "
            "Report what most of them agree on.\nRemarks: {{ opinions }}"
        ),
        Template(
            'Write the line that a shopping or travel site would show under "Our customers say", above these reviews: '
            "{{ opinions }}"
        ),
        Template("Is the verdict good, bad or mixed, and why? Base your one or two sentences on these remarks: {{ opinions }}"),
        Template(
            "Dozens of reviewers have had their say: {{ opinions }}\nNow say in a sentence or two what the general opinion is."
        ),
        Template(
            "Condense the review sentences, weighing each opinion by how often it comes up. Review sentences: {{ opinions }}"
        ),
        Template(
            "A survey of reviews found this: {{ answer }}\n"
            "Write the kind of sentences that the reviewers themselves may have written.",
            "{{ opinions }}",
            kind="inverted",
            name="write_reviews",
        ),
    ],
    lineage=["opinosis", "tripadvisor"],
    metrics=ROUGE,
    train="train",
    evaluation=None,
    long_fields=["opinions"],
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/kavgan/opinosis",
)


# https://huggingface.co/datasets/facebook/asset (simplification) · licence: CC BY-NC 4.0
# {'original': 'Rollins retired in 1962 and opted to become a coach.',
#  'simplifications': ['Rollins retired in 1962 and became a coach.', 'Rollins retired in 1962. He became a coach.', ...]}
# Not in FLAN or T0 (wiki_auto is close to it). There is no training split: the validation rows are trained on.
def _asset(row):
    sentence = _one_line(row["original"]).lstrip(": ")
    simple = dict.fromkeys(_one_line(text).lstrip(": ") for text in row["simplifications"] if text.strip())
    simple.pop(sentence, None)
    if not simple:
        raise SkipRow("no simplification differs from the sentence")
    return Example({"sentence": sentence}, tuple(simple))


asset = Task(
    name="asset",
    cluster="summarization",
    source=hub("facebook/asset", "simplification"),
    example=_asset,
    templates=[
        Template("Rewrite this sentence from Wikipedia so that it is easier to read.\nSentence: {{ sentence }}"),
        Template("{{ sentence }}\nSay the same thing in simpler words."),
        Template("Original: {{ sentence }}", cue="Simple English:"),
        Template('My English is not very good, and I don\'t understand this. Can you put it more simply? "{{ sentence }}"'),
        Template(
            "Edit for a children's encyclopedia. Replace hard words, split long sentences in two, and cut what a child can "
            "do without.\nText: {{ sentence }}"
        ),
        Template('How would you tell this to a twelve-year-old without changing what it says? "{{ sentence }}"'),
        Template(
            "Plain-language check: the sentence below failed. Write a version that will pass.\nFailed sentence: {{ sentence }}"
        ),
        Template(
            "A teacher of English as a second language adapts reading texts for beginners. This is the next sentence: "
            "{{ sentence }}\nWrite what the beginners will read."
        ),
        Template("Keep the meaning and lose the difficulty: {{ sentence }}"),
        Template("Here is an encyclopedia's wording: {{ sentence }}\nWhat would a shorter or plainer wording be?"),
        Template(
            "Write this in the denser, more formal style of an encyclopedia: {{ answer }}",
            "{{ sentence }}",
            kind="inverted",
            name="formal",
        ),
        Template(
            "A sentence was simplified for learners, and this came out: {{ answer }}\n"
            "How may the difficult original have read?",
            "{{ sentence }}",
            kind="inverted",
            name="original",
        ),
    ],
    lineage=["turkcorpus", "asset"],
    metrics=["rougeL", "bleu"],
    train="validation",
    evaluation="test",
    licence="CC BY-NC 4.0",
    link="https://huggingface.co/datasets/facebook/asset",
)


summarization = Mixture(
    name="summarization",
    parts=[
        aeslc,
        cnn_dailymail,
        gigaword,
        multi_news,
        samsum,
        xsum,
        dialogsum,
        billsum,
        pubmed_summarization,
        wiki_lingua,
        opinosis,
        asset,
    ],
    rate=proportional(cap=3000),
)
