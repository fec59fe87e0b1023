"""Translation into English, and out of it in the inverted templates.

FLAN 2021's cluster (WMT 14 and 16) with Multi30k, OPUS, the older WMT news tests, IWSLT's talks and four African languages of
MAFAND beside it. T0 has no such cluster. Missing:
  para_crawl_enes (FLAN): no configuration of English and Spanish was found in Helsinki-NLP/opus_paracrawl; OPUS-100's pair
    stands in for it.

The data of the pairs are read by one function; their wordings are their own, each written for one pair, and some are in its
language. The English side is always the answer. T5's first vocabulary writes English, French, German and Romanian only: the
other pairs need a multilingual one, such as mT5's, and training warns of what a vocabulary cannot write.

wmt_newstest, iwslt15_en_vi and multi30k_fr are not on the hub under these names: a mirror must hold them. wmt_newstest has
the news tests of 2008 to 2013 as splits; those of 2014 to 2016, on which WMT 14 and 16 evaluate, are not among them.
"""

import html
import re
from collections.abc import Callable

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional

NEWS_TESTS = "news_test2008+newstest2009+newstest2010+newstest2011+newstest2012"


def _one_line(text):
    return re.sub(r"\s+", " ", text or "").strip()


def _from(code: str, language: str) -> Callable[..., Example]:
    """Returns the example function of a pair: its field is named after the language, the answer is the English text."""

    def example(row):
        pair = row.get("translation", row)
        source, english = _one_line(pair[code]), _one_line(pair["en"])
        if not source or not english:
            raise SkipRow("one side is empty")
        one, other = sorted((source.lower(), english.lower()), key=len)
        if len(one) > 15 and one in other:
            raise SkipRow("the text was not translated")
        return Example({language: source}, english)

    return example


# --- WMT --------------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/wmt/wmt14 (fr-en) · licence: unknown
# {'translation': {'fr': 'Reprise de la session', 'en': 'Resumption of the session'}}
# Train: Europarl, Common Crawl, the UN, Canadian web pages, news commentary. Test: newstest2014.
wmt14_fr_en = Task(
    name="wmt14_fr_en",
    cluster="translation",
    source=hub("wmt/wmt14", "fr-en"),
    example=_from("fr", "french"),
    templates=[
        Template("Translate this French sentence into English.\nFrench: {{ french }}"),
        Template("{{ french }}\nWhat does this mean in English?"),
        Template("Traduisez en anglais : {{ french }}"),
        Template("Version française : {{ french }}", cue="English version:"),
        Template(
            "An interpreter in Brussels hears the following in French and has to say it in English at once. What does she "
            "say? Heard: {{ french }}"
        ),
        Template(
            'I read French only with a dictionary, and this sentence beats me: "{{ french }}" Could you give me the English '
            "of it?"
        ),
        Template(
            "By law this Canadian notice appears in both official languages. The French half reads: {{ french }}\n"
            "Supply the English half."
        ),
        Template("Comment dit-on ceci en français ? {{ answer }}", "{{ french }}", kind="inverted", name="comment_dit_on"),
        Template("Put this into French: {{ answer }}", "{{ french }}", kind="inverted", name="to_french"),
        Template(
            "A report of the United Nations contains this sentence: {{ answer }}\n"
            "Write it for the French edition of the report.",
            "{{ french }}",
            kind="inverted",
            name="french_edition",
        ),
    ],
    lineage=["wmt14", "wmt_news", "europarl"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/wmt/wmt14",
)

# https://huggingface.co/datasets/wmt/wmt16 (de-en) · licence: unknown
# {'translation': {'de': 'Wiederaufnahme der Sitzungsperiode', 'en': 'Resumption of the session'}}
# Train: Europarl, Common Crawl, news commentary. Validation: newstest2015; test: newstest2016.
wmt16_de_en = Task(
    name="wmt16_de_en",
    cluster="translation",
    source=hub("wmt/wmt16", "de-en"),
    example=_from("de", "german"),
    templates=[
        Template("German: {{ german }}", cue="English:"),
        Template("Übersetze ins Englische: {{ german }}"),
        Template(
            "Word order is what makes German sentences hard to follow. Untangle this one and give it in good English: "
            "{{ german }}"
        ),
        Template("{{ german }}\nHow do you say that in English?"),
        Template("A member of the European Parliament said this in German: {{ german }}\nWhat do the English minutes say?"),
        Template(
            "You are correcting a translation program and have only the German text before you. Write what the program ought "
            "to have written in English.\nText: {{ german }}"
        ),
        Template(
            "Please translate this text from German to English for someone who needs the exact meaning. Text: {{ german }}"
        ),
        Template("English: {{ answer }}", "{{ german }}", kind="inverted", name="deutsch", cue="Deutsch:"),
        Template("Wie lautet dieser Satz auf Deutsch? {{ answer }}", "{{ german }}", kind="inverted", name="wie_lautet"),
        Template(
            "Give the German for the following, in a formal style: {{ answer }}",
            "{{ german }}",
            kind="inverted",
            name="formal_german",
        ),
    ],
    lineage=["wmt16", "wmt_news", "europarl"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/wmt/wmt16",
)

# https://huggingface.co/datasets/wmt/wmt16 (cs-en) · licence: unknown
# {'translation': {'cs': 'Před časem se spekulovalo, že by o Čecha mohl mít zájem Real Madrid.',
#   'en': 'Some time ago, it was speculated that Real Madrid might be interested in Čech.'}}
wmt16_cs_en = Task(
    name="wmt16_cs_en",
    cluster="translation",
    source=hub("wmt/wmt16", "cs-en"),
    example=_from("cs", "czech"),
    templates=[
        Template("Přeložte do angličtiny: {{ czech }}"),
        Template("{{ czech }}\nThis is Czech. Write it in English."),
        Template("Česky: {{ czech }}", cue="Anglicky:"),
        Template(
            'Czech has no articles, so you will have to add "a" and "the" where English needs them. Translate: {{ czech }}'
        ),
        Template('"{{ czech }}" What would a speaker of English say who wanted to express what this Czech sentence expresses?'),
        Template(
            "A company in Brno has written to a firm in Boston, in Czech. Translate the next sentence of the letter for the "
            "firm's files.\nNext sentence: {{ czech }}"
        ),
        Template("From this Czech original, make an English text that does not sound translated. Original: {{ czech }}"),
        Template("Řekněte to česky: {{ answer }}", "{{ czech }}", kind="inverted", name="reknete_cesky"),
        Template(
            'How does this English sentence read in Czech? "{{ answer }}"', "{{ czech }}", kind="inverted", name="to_czech"
        ),
        Template(
            "A publisher in Prague is bringing out an English text. It has come to this sentence: {{ answer }}\n"
            "Put the sentence into Czech.",
            "{{ czech }}",
            kind="inverted",
            name="prague_publisher",
        ),
    ],
    lineage=["wmt16", "wmt_news", "europarl"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/wmt/wmt16",
)

# https://huggingface.co/datasets/wmt/wmt16 (fi-en) · licence: unknown
# {'translation': {'fi': 'Istuntokauden uudelleenavaaminen', 'en': 'Resumption of the session'}}
wmt16_fi_en = Task(
    name="wmt16_fi_en",
    cluster="translation",
    source=hub("wmt/wmt16", "fi-en"),
    example=_from("fi", "finnish"),
    templates=[
        Template("Käännä englanniksi: {{ finnish }}"),
        Template("Suomeksi: {{ finnish }}", cue="Englanniksi:"),
        Template("{{ finnish }}\nCan you read Finnish? Then tell me in English what this says."),
        Template(
            "Finnish builds into a single word what English spreads over several. Say the following in English, in as many "
            "words as it takes: {{ finnish }}"
        ),
        Template(
            "A delegate from Helsinki has the floor in the European Parliament. Interpret for the English channel. The "
            "delegate says: {{ finnish }}"
        ),
        Template(
            'Finnish uses one word for "he" and "she". Choose whichever fits, if you need one, and translate this Finnish '
            "sentence into English: {{ finnish }}"
        ),
        Template("This was written in Finnish: {{ finnish }}\nWhat would it be in English?"),
        Template("Käännä suomeksi: {{ answer }}", "{{ finnish }}", kind="inverted", name="kaanna_suomeksi"),
        Template(
            "What is the Finnish version of this sentence? English version: {{ answer }}",
            "{{ finnish }}",
            kind="inverted",
            name="to_finnish",
        ),
        Template(
            "A press release in English is to go out in Finland as well. Translate this part of it into Finnish.\n"
            "Part: {{ answer }}",
            "{{ finnish }}",
            kind="inverted",
            name="press_release",
        ),
    ],
    lineage=["wmt16", "wmt_news", "europarl"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/wmt/wmt16",
)

# https://huggingface.co/datasets/wmt/wmt16 (ro-en) · licence: unknown
# {'translation': {'ro': 'Componenţa Parlamentului: a se vedea procesul-verbal', 'en': 'Membership of Parliament: see Minutes'}}
wmt16_ro_en = Task(
    name="wmt16_ro_en",
    cluster="translation",
    source=hub("wmt/wmt16", "ro-en"),
    example=_from("ro", "romanian"),
    templates=[
        Template("Traduceți în engleză: {{ romanian }}"),
        Template("Romanian source: {{ romanian }}", cue="English target:"),
        Template("Write an English sentence that has the same meaning as this one in Romanian: {{ romanian }}"),
        Template("{{ romanian }}\nHow should this Romanian text be put in English?"),
        Template(
            "News from Southeastern Europe comes out in several languages at once. The Romanian item reads: {{ romanian }}\n"
            "What does the English item read?"
        ),
        Template(
            "I know some French and can half guess at Romanian, but I want to be sure. What exactly does this say, in "
            'English? "{{ romanian }}"'
        ),
        Template("Ce înseamnă această propoziție în limba engleză? {{ romanian }}"),
        Template("Traduceți în română: {{ answer }}", "{{ romanian }}", kind="inverted", name="traduceti"),
        Template(
            "{{ answer }}\nA colleague in Bucharest must understand this without knowing English. Write it in Romanian.",
            "{{ romanian }}",
            kind="inverted",
            name="colleague",
        ),
        Template(
            "Give this in Romanian, as a translator at the European Commission would: {{ answer }}",
            "{{ romanian }}",
            kind="inverted",
            name="to_romanian",
        ),
    ],
    lineage=["wmt16", "wmt_news", "europarl", "setimes"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/wmt/wmt16",
)

# https://huggingface.co/datasets/wmt/wmt16 (ru-en) · licence: unknown
# {'translation': {'ru': 'Цены на нефть снова выросли.', 'en': 'Oil prices have risen again.'}}   (made up)
wmt16_ru_en = Task(
    name="wmt16_ru_en",
    cluster="translation",
    source=hub("wmt/wmt16", "ru-en"),
    example=_from("ru", "russian"),
    templates=[
        Template("Переведите на английский язык: {{ russian }}"),
        Template("The Russian reads: {{ russian }}", cue="The English reads:"),
        Template("What is the English for this Russian sentence? Sentence: {{ russian }}"),
        Template("{{ russian }}\nTranslate the above from Russian, and keep its tone."),
        Template("Как это сказать по-английски? {{ russian }}"),
        Template(
            'Russian has no articles and seldom says "is" or "are". Put them in as you translate this into English: '
            "{{ russian }}"
        ),
        Template(
            "An analyst has received this line in Russian and must report it in English before noon. Do it for her.\n"
            "Line: {{ russian }}"
        ),
        Template("Переведите на русский: {{ answer }}", "{{ russian }}", kind="inverted", name="perevedite"),
        Template(
            "Write this in Russian, in Cyrillic letters: {{ answer }}", "{{ russian }}", kind="inverted", name="to_russian"
        ),
        Template(
            "A bilingual edition sets the English on the left page and the Russian on the right. On the left page: "
            "{{ answer }}\nWhat is on the right page?",
            "{{ russian }}",
            kind="inverted",
            name="right_page",
        ),
    ],
    lineage=["wmt16", "wmt_news"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/wmt/wmt16",
)

# https://huggingface.co/datasets/wmt/wmt16 (tr-en) · licence: unknown
# {'translation': {'tr': "Kosova'nın özelleştirme süreci büyüteç altında", 'en': "Kosovo's privatisation process is under ..."}}
# Train: the Southeast European Times.
wmt16_tr_en = Task(
    name="wmt16_tr_en",
    cluster="translation",
    source=hub("wmt/wmt16", "tr-en"),
    example=_from("tr", "turkish"),
    templates=[
        Template("İngilizceye çevirin: {{ turkish }}"),
        Template("Türkçe: {{ turkish }}", cue="İngilizce:"),
        Template("{{ turkish }}\nIn Turkish the verb usually comes last. Give this in English, where it does not."),
        Template(
            "The Southeast European Times ran this story in Turkish and in English. In Turkish: {{ turkish }}\n"
            "What did the English text say?"
        ),
        Template("Please help me with my Turkish homework. What is this in English? Question 1: {{ turkish }}"),
        Template("Translate for an English news page what a Turkish one says about the Balkans. Turkish page: {{ turkish }}"),
        Template("Bu cümlenin İngilizcesi nedir? {{ turkish }}"),
        Template("Türkçeye çevirin: {{ answer }}", "{{ turkish }}", kind="inverted", name="turkceye"),
        Template(
            "Here is what English readers were told: {{ answer }}\nTell a reader in Ankara the same thing in Turkish.",
            "{{ turkish }}",
            kind="inverted",
            name="reader_in_ankara",
        ),
        Template(
            "Find the Turkish equivalent of this sentence, suffixes and all.\nSentence: {{ answer }}",
            "{{ turkish }}",
            kind="inverted",
            name="to_turkish",
        ),
    ],
    lineage=["wmt16", "wmt_news", "setimes"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/wmt/wmt16",
)

# --- the older news tests of WMT --------------------------------------------------------------------------------------
# https://github.com/Helsinki-NLP/OPUS-MT-train (testsets) · licence: MIT-style (repository); WMT news test data
# {'translation': {'fr': "C'est dans cet esprit qu'une majorité de gouvernements américains promulguèrent ...",
#   'en': 'It is in this spirit that a majority of American governments have passed new laws since 2009 ...'}}
# The same articles in every language, so the four tasks are one lineage.
newstest_fr_en = Task(
    name="newstest_fr_en",
    cluster="translation",
    source=hub("wmt_newstest", "fr-en"),
    example=_from("fr", "french"),
    templates=[
        Template("This sentence appeared in a French newspaper: {{ french }}\nHow would an English newspaper put it?"),
        Template("To the foreign desk: please turn the French copy below into English.\nCopy: {{ french }}"),
        Template("{{ french }}\nGive a faithful English translation of this line from the news."),
        Template("Lisez cette phrase de presse et écrivez-la en anglais. {{ french }}"),
        Template("Dépêche : {{ french }}", cue="The same dispatch in English:"),
        Template("Which English sentence says what this French one says, neither more nor less? French: {{ french }}"),
        Template("Sous-titrez ce journal télévisé en anglais. La présentatrice dit : {{ french }}"),
        Template(
            "Rédigez en français cette phrase d'un journal anglais : {{ answer }}",
            "{{ french }}",
            kind="inverted",
            name="redigez",
        ),
        Template(
            "Translate for the readers of a newspaper in Lyon: {{ answer }}", "{{ french }}", kind="inverted", name="lyon"
        ),
        Template(
            "An English news story says: {{ answer }}\nNow say it in French.", "{{ french }}", kind="inverted", name="to_french"
        ),
    ],
    lineage=["wmt_news"],
    metrics=["bleu"],
    train=NEWS_TESTS,
    evaluation="newstest2013",
    licence="MIT-style (repository); WMT news test data",
    link="https://github.com/Helsinki-NLP/OPUS-MT-train",
)

newstest_de_en = Task(
    name="newstest_de_en",
    cluster="translation",
    source=hub("wmt_newstest", "de-en"),
    example=_from("de", "german"),
    templates=[
        Template("From a German news site: {{ german }}\nRender it in English for tomorrow's press review."),
        Template("Was steht hier? Antworten Sie mit einer genauen englischen Übersetzung. {{ german }}"),
        Template("How would the BBC word this German report? Stay close to the original. Report: {{ german }}"),
        Template("Meldung: {{ german }}", cue="The news item in English:"),
        Template("Tell a reader who has no German exactly what this sentence of a newspaper article says: {{ german }}"),
        Template("{{ german }}\nEnglish, please, with all names and numbers carried over."),
        Template("Examination for news translators, German into English. Translate the next sentence: {{ german }}"),
        Template(
            "Übersetzen Sie diesen Satz einer englischen Nachricht ins Deutsche: {{ answer }}",
            "{{ german }}",
            kind="inverted",
            name="ins_deutsche",
        ),
        Template(
            "The bureau in Frankfurt needs this line in German: {{ answer }}",
            "{{ german }}",
            kind="inverted",
            name="frankfurt_bureau",
        ),
        Template(
            "Write the sentence that could stand in a German newspaper in place of this English one: {{ answer }}",
            "{{ german }}",
            kind="inverted",
            name="german_newspaper",
        ),
    ],
    lineage=["wmt_news"],
    metrics=["bleu"],
    train=NEWS_TESTS,
    evaluation="newstest2013",
    licence="MIT-style (repository); WMT news test data",
    link="https://github.com/Helsinki-NLP/OPUS-MT-train",
)

newstest_cs_en = Task(
    name="newstest_cs_en",
    cluster="translation",
    source=hub("wmt_newstest", "cs-en"),
    example=_from("cs", "czech"),
    templates=[
        Template("Zpráva: {{ czech }}", cue="English translation of the report:"),
        Template("What does this sentence of Czech news say in English? Czech news: {{ czech }}"),
        Template("Jak by tuto větu napsaly anglické noviny? {{ czech }}"),
        Template(
            "You follow the Czech press for an embassy. Pass this sentence on to the ambassador, who reads only English: "
            "{{ czech }}"
        ),
        Template("{{ czech }}\nTranslate the above, which was printed in a Czech daily, so that no fact is lost in English."),
        Template("Give me this Czech news text in English; names of people can stay as they are. The text: {{ czech }}"),
        Template(
            "A page has two columns, Czech on the left and English on the right. In the left one stands a line of news: "
            "{{ czech }}\nWhat goes in the right one?"
        ),
        Template(
            "Přeložte tuto novinovou větu z angličtiny do češtiny. {{ answer }}",
            "{{ czech }}",
            kind="inverted",
            name="novinova_veta",
        ),
        Template("Translate for the paper's Czech edition: {{ answer }}", "{{ czech }}", kind="inverted", name="czech_edition"),
        Template("{{ answer }}\nWhat is the Czech for this line of news?", "{{ czech }}", kind="inverted", name="to_czech"),
    ],
    lineage=["wmt_news"],
    metrics=["bleu"],
    train=NEWS_TESTS,
    evaluation="newstest2013",
    licence="MIT-style (repository); WMT news test data",
    link="https://github.com/Helsinki-NLP/OPUS-MT-train",
)

newstest_es_en = Task(
    name="newstest_es_en",
    cluster="translation",
    source=hub("wmt_newstest", "es-en"),
    example=_from("es", "spanish"),
    templates=[
        Template("Noticia: {{ spanish }}", cue="News item in English:"),
        Template("A newspaper in Madrid wrote this. Translate it for an international press review: {{ spanish }}"),
        Template("¿Qué dice esta frase de un periódico? Escríbalo en inglés. {{ spanish }}"),
        Template("{{ spanish }}\nGive an English version that a news editor could print without changes."),
        Template(
            "This came over the wire in Spanish ten minutes ago: {{ spanish }}\n"
            "Your readers know only English. What do you publish?"
        ),
        Template("Translate from Spanish into English, exact down to the figures and titles: {{ spanish }}"),
        Template(
            "The correspondent in Bogotá writes in Spanish, and the paper appears in English. She has filed this: "
            "{{ spanish }}\nTranslate it for the page."
        ),
        Template(
            "Escriba en español esta frase de un diario inglés: {{ answer }}", "{{ spanish }}", kind="inverted", name="escriba"
        ),
        Template(
            "The English edition has this sentence: {{ answer }}\nWhat should the Spanish edition have?",
            "{{ spanish }}",
            kind="inverted",
            name="spanish_edition",
        ),
        Template(
            "Turn the following English news copy into Spanish. Copy: {{ answer }}",
            "{{ spanish }}",
            kind="inverted",
            name="to_spanish",
        ),
    ],
    lineage=["wmt_news"],
    metrics=["bleu"],
    train=NEWS_TESTS,
    evaluation="newstest2013",
    licence="MIT-style (repository); WMT news test data",
    link="https://github.com/Helsinki-NLP/OPUS-MT-train",
)

# --- OPUS -------------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/Helsinki-NLP/opus-100 (en-es) · licence: unknown
# {'translation': {'en': "It was the asbestos in here, that's what did it!",
#   'es': 'Fueron los asbestos aquí. ¡Eso es lo que ocurrió!'}}
# Subtitles, web pages, software, documents. Stands in for FLAN's para_crawl_enes.
opus100_en_es = Task(
    name="opus100_en_es",
    cluster="translation",
    source=hub("Helsinki-NLP/opus-100", "en-es"),
    example=_from("es", "spanish"),
    templates=[
        Template("Spanish to English, please: {{ spanish }}"),
        Template("¿Cómo se dice esto en inglés? {{ spanish }}"),
        Template("Español: {{ spanish }}", cue="Inglés:"),
        Template("{{ spanish }}\nWhat is being said here? Answer in natural English."),
        Template(
            "The line below may be from a film, a manual or a web page; it is in Spanish. Put it into English.\n"
            "Line: {{ spanish }}"
        ),
        Template("An actor says this in Spanish: {{ spanish }}\nWhat does an English viewer read at the bottom of the screen?"),
        Template("Traduce al inglés sin añadir nada. {{ spanish }}"),
        Template("Traduce al español: {{ answer }}", "{{ spanish }}", kind="inverted", name="traduce"),
        Template("Say it in Spanish: {{ answer }}", "{{ spanish }}", kind="inverted", name="to_spanish"),
        Template(
            "A website is being prepared for visitors from Spain and Mexico. This text on it is still in English: "
            "{{ answer }}\nWrite the Spanish text that replaces it.",
            "{{ spanish }}",
            kind="inverted",
            name="localize",
        ),
    ],
    lineage=["opus"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/Helsinki-NLP/opus-100",
)

# https://huggingface.co/datasets/Helsinki-NLP/opus_books (en-it) · licence: other
# {'id': '7', 'translation': {'en': 'She closed the door behind her and wept.', 'it': 'Chiuse la porta dietro di sé e pianse.'}}
# (made up)
# Sentences of novels out of copyright. One split.
opus_books_en_it = Task(
    name="opus_books_en_it",
    cluster="translation",
    source=hub("Helsinki-NLP/opus_books", "en-it"),
    example=_from("it", "italian"),
    templates=[
        Template("This is from the Italian text of an old novel: {{ italian }}\nHow does it read in English?"),
        Template("Traduci in inglese, nello stile di un romanzo. {{ italian }}"),
        Template("{{ italian }}\nTranslate this literary Italian for an English reader."),
        Template("Edizione italiana: {{ italian }}", cue="English edition:"),
        Template(
            "You are translating a classic for a pocket edition. Render the next sentence, which is in Italian, in English "
            "prose of its time: {{ italian }}"
        ),
        Template(
            "What might have been the English sentence that an Italian translator turned into this one? Italian: {{ italian }}"
        ),
        Template("Come suona questa frase in inglese? {{ italian }}"),
        Template("Traduci in italiano: {{ answer }}", "{{ italian }}", kind="inverted", name="traduci"),
        Template(
            "Put this passage from a book into Italian.\nPassage: {{ answer }}",
            "{{ italian }}",
            kind="inverted",
            name="to_italian",
        ),
        Template(
            "A reader in Florence opens her Italian copy of a novel at the place where the English one says: {{ answer }}\n"
            "What does she read?",
            "{{ italian }}",
            kind="inverted",
            name="italian_copy",
        ),
    ],
    lineage=["opus", "opus_books"],
    metrics=["bleu"],
    train="train[:95%]",
    evaluation="train[95%:]",
    licence="other",
    link="https://huggingface.co/datasets/Helsinki-NLP/opus_books",
)

# --- captions and talks -----------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/bentrevett/multi30k · licence: Flickr30k terms
# {'en': 'Two young, White males are outside near many bushes.', 'de': 'Zwei junge weiße Männer sind im Freien in der Nähe
#   vieler Büsche.'}
# The English sentences are Flickr30k captions, as are SNLI's premises: it leaves training when entailment is held out.
multi30k = Task(
    name="multi30k",
    cluster="translation",
    source=hub("bentrevett/multi30k"),
    example=_from("de", "german"),
    templates=[
        Template("A picture has a caption in German: {{ german }}\nWrite the caption in English."),
        Template("Bildbeschreibung: {{ german }}", cue="Image description in English:"),
        Template("What does the photo show, according to this German sentence? Say it in English. Sentence: {{ german }}"),
        Template("{{ german }}\nTranslate the above for an exhibition of photographs in London."),
        Template("Wie würde man dieses Bild auf Englisch beschreiben? Auf Deutsch steht darunter: {{ german }}"),
        Template(
            "Blind visitors to a website hear its pictures described, and the German descriptions are now being put into "
            "English. Do the next one: {{ german }}"
        ),
        Template(
            "Translate this German description so precisely that somebody could draw the scene from the English: {{ german }}"
        ),
        Template(
            "Write a German caption that says the same as this English one: {{ answer }}",
            "{{ german }}",
            kind="inverted",
            name="german_caption",
        ),
        Template(
            "Übersetze die Bildunterschrift ins Deutsche. {{ answer }}",
            "{{ german }}",
            kind="inverted",
            name="bildunterschrift",
        ),
        Template(
            "Describing a photograph, somebody says in English: {{ answer }}\n"
            "How would a German speaker describe it in the same way?",
            "{{ german }}",
            kind="inverted",
            name="german_speaker",
        ),
    ],
    lineage=["flickr30k", "multi30k"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="Flickr30k terms",
    link="https://huggingface.co/datasets/bentrevett/multi30k",
)

# https://github.com/multi30k/dataset (en-fr, in the columns of bentrevett/multi30k) · licence: Flickr30k terms
# {'en': 'A woman with a large purse is walking by a gate.', 'fr': 'Une femme avec un gros sac passe par une porte.'}
multi30k_fr = Task(
    name="multi30k_fr",
    cluster="translation",
    source=hub("multi30k_fr"),
    example=_from("fr", "french"),
    templates=[
        Template("Légende : {{ french }}", cue="Caption in English:"),
        Template(
            "Somebody described a snapshot in French. Describe it in the same way in English. The French words: {{ french }}"
        ),
        Template("Traduisez cette légende de photo en anglais. {{ french }}"),
        Template(
            "{{ french }}\nWho or what is in the picture, and what is going on? Answer by translating the French into English."
        ),
        Template(
            "A photo agency sells to France and to Britain. It describes one of its photos to French customers like this: "
            "{{ french }}\nWrite the description for the British ones."
        ),
        Template(
            "French class, lesson 3: look at the sentence under the picture and say it in English. Sentence: {{ french }}"
        ),
        Template("The French caption of a photo is: {{ french }}\nHow would you caption it in English?"),
        Template("Translate this image caption into French: {{ answer }}", "{{ french }}", kind="inverted", name="to_french"),
        Template(
            "Décrivez la scène en français, d'après cette phrase anglaise. {{ answer }}",
            "{{ french }}",
            kind="inverted",
            name="decrivez",
        ),
        Template(
            "A postcard says on its back, in English: {{ answer }}\n"
            "The same words are to appear there in French. What are they?",
            "{{ french }}",
            kind="inverted",
            name="postcard",
        ),
    ],
    lineage=["flickr30k", "multi30k"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="Flickr30k terms",
    link="https://github.com/multi30k/dataset",
)


# https://github.com/stefan-it/nmt-en-vi (the TED talks of IWSLT 2015) · licence: unknown
# {'translation': {'en': 'He retreated into silence .', 'vi': 'Ông rút lui vào yên lặng .'}}   tokenized, with HTML entities
# The training archive is not in the mirror; on a mirror that holds it, a split "train" has 133,000 rows.
def _iwslt(row):
    texts = {}
    for code, text in row["translation"].items():
        text = html.unescape(html.unescape(_one_line(text)))
        text = re.sub(r"\s+(['’](?:s|re|ve|ll|d|m|t)\b|n't\b)", r"\1", text)
        text = re.sub(r'"\s+([^"]*?)\s+"', r'"\1"', text)
        texts[code] = re.sub(r"\s+([,.;:?!)\]])", r"\1", re.sub(r"([(\[])\s+", r"\1", text)).strip()
    return _from("vi", "vietnamese")({"translation": texts})


iwslt15_en_vi = Task(
    name="iwslt15_en_vi",
    cluster="translation",
    source=hub("iwslt15_en_vi", "en-vi"),
    example=_iwslt,
    templates=[
        Template("Translate this Vietnamese subtitle of a talk into English: {{ vietnamese }}"),
        Template("Dịch sang tiếng Anh: {{ vietnamese }}"),
        Template("Tiếng Việt: {{ vietnamese }}", cue="Tiếng Anh:"),
        Template(
            "{{ vietnamese }}\nThis is one line of the Vietnamese subtitles to a lecture. What did the speaker say in English?"
        ),
        Template(
            "Volunteers put talks into Vietnamese so that more people can follow them. Go the other way: which English words "
            "lie behind this line? Line: {{ vietnamese }}"
        ),
        Template("Put this into spoken English, the way somebody on a stage would say it. Vietnamese: {{ vietnamese }}"),
        Template("Câu này có nghĩa là gì trong tiếng Anh? {{ vietnamese }}"),
        Template("Dịch sang tiếng Việt: {{ answer }}", "{{ vietnamese }}", kind="inverted", name="dich_sang"),
        Template(
            "Write the Vietnamese subtitle for this sentence of a TED talk.\nSentence: {{ answer }}",
            "{{ vietnamese }}",
            kind="inverted",
            name="subtitle",
        ),
        Template(
            "A student in Hanoi listens to a lecture in English and has not understood this: {{ answer }}\n"
            "Repeat it in Vietnamese.",
            "{{ vietnamese }}",
            kind="inverted",
            name="student_in_hanoi",
        ),
    ],
    lineage=["iwslt", "ted"],
    metrics=["bleu"],
    train="validation",
    evaluation="test",
    licence="unknown",
    link="https://github.com/stefan-it/nmt-en-vi",
)

# --- MAFAND: news in African languages --------------------------------------------------------------------------------
# https://huggingface.co/datasets/masakhane/mafand · licence: CC BY-NC 4.0
# en-hau: {'translation': {'en': 'Public trust in the Islamic Republic cannot be better and clearer than this.',
#   'hau': 'Ba za a iya ganin irin wannan yarda da gwamnati sama da hakan ba.'}}
# en-ibo, en-yor and en-zul likewise, with the keys ibo, yor and zul.
mafand_en_hau = Task(
    name="mafand_en_hau",
    cluster="translation",
    source=hub("masakhane/mafand", "en-hau"),
    example=_from("hau", "hausa"),
    templates=[
        Template("Translate from Hausa, a language of Nigeria and Niger, into English: {{ hausa }}"),
        Template("The Hausa news: {{ hausa }}", cue="What it says in English:"),
        Template("{{ hausa }}\nA news service in Kano published this in Hausa. Tell it in English."),
        Template("Fassara zuwa Turanci: {{ hausa }}"),
        Template(
            "A radio program in Abuja has listeners who speak Hausa and listeners who do not. The first have just heard "
            "this: {{ hausa }}\nRepeat it in English for the others."
        ),
        Template("I was sent this news item in Hausa: {{ hausa }}\nPlease tell me what it means in English."),
        Template("Write the English sentence of which this is the Hausa translation: {{ hausa }}"),
        Template("Fassara zuwa Hausa: {{ answer }}", "{{ hausa }}", kind="inverted", name="fassara"),
        Template(
            "How is this sentence said in Hausa? English sentence: {{ answer }}",
            "{{ hausa }}",
            kind="inverted",
            name="to_hausa",
        ),
        Template(
            "An English-language newspaper wants more readers in the north of Nigeria. Put this sentence from it into Hausa: "
            "{{ answer }}",
            "{{ hausa }}",
            kind="inverted",
            name="northern_readers",
        ),
    ],
    lineage=["mafand"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="CC BY-NC 4.0",
    link="https://huggingface.co/datasets/masakhane/mafand",
)

mafand_en_ibo = Task(
    name="mafand_en_ibo",
    cluster="translation",
    source=hub("masakhane/mafand", "en-ibo"),
    example=_from("ibo", "igbo"),
    templates=[
        Template('What does this Igbo sentence mean in English? "{{ igbo }}"'),
        Template("Source (Igbo): {{ igbo }}", cue="Target (English):"),
        Template("{{ igbo }}\nThat was a line of news in Igbo. Write it down in English."),
        Template("The Igbo service of a broadcaster carried the following. Translate it for the English service: {{ igbo }}"),
        Template(
            "My grandmother in Enugu sends me the news in Igbo, which I don't read well. What is she telling me? In English, "
            "please. Her message: {{ igbo }}"
        ),
        Template("Translate the text from Igbo into English as faithfully as you can; do not sum it up. Text: {{ igbo }}"),
        Template(
            "Every line of an Igbo-English parallel corpus has a partner. Write the English partner of this line: {{ igbo }}"
        ),
        Template("Write this in Igbo: {{ answer }}", "{{ igbo }}", kind="inverted", name="to_igbo"),
        Template(
            "The news in English: {{ answer }}",
            "{{ igbo }}",
            kind="inverted",
            name="news_in_igbo",
            cue="The same news in Igbo:",
        ),
        Template(
            "How would a newspaper written in Igbo put this? In English it runs: {{ answer }}",
            "{{ igbo }}",
            kind="inverted",
            name="igbo_newspaper",
        ),
    ],
    lineage=["mafand"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="CC BY-NC 4.0",
    link="https://huggingface.co/datasets/masakhane/mafand",
)

mafand_en_yor = Task(
    name="mafand_en_yor",
    cluster="translation",
    source=hub("masakhane/mafand", "en-yor"),
    example=_from("yor", "yoruba"),
    templates=[
        Template("Give the English of this Yoruba text, whose accents mark the tones: {{ yoruba }}"),
        Template("Yoruba text: {{ yoruba }}", cue="English text:"),
        Template("{{ yoruba }}\nWhat is reported here? Answer with a full translation from Yoruba into English."),
        Template(
            "A visitor to Lagos points at this line in a Yoruba newspaper and asks for it in English: {{ yoruba }}\n"
            "What do you answer?"
        ),
        Template(
            "Citizen journalists publish their stories in Yoruba, too. Translate this part of one into English: {{ yoruba }}"
        ),
        Template("Without leaving anything out, say in English what is said here in Yoruba: {{ yoruba }}"),
        Template("As a translator from Yoruba you are paid by the sentence. Deliver this one in English: {{ yoruba }}"),
        Template(
            "Translate the following into Yoruba, with tone marks: {{ answer }}",
            "{{ yoruba }}",
            kind="inverted",
            name="to_yoruba",
        ),
        Template(
            "{{ answer }}\nHow would you tell this to somebody in Ibadan who speaks Yoruba and no English?",
            "{{ yoruba }}",
            kind="inverted",
            name="somebody_in_ibadan",
        ),
        Template(
            "An English article is to appear in Yoruba. In the original it says: {{ answer }}\n"
            "What will the Yoruba article say?",
            "{{ yoruba }}",
            kind="inverted",
            name="yoruba_article",
        ),
    ],
    lineage=["mafand"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="CC BY-NC 4.0",
    link="https://huggingface.co/datasets/masakhane/mafand",
)

mafand_en_zul = Task(
    name="mafand_en_zul",
    cluster="translation",
    source=hub("masakhane/mafand", "en-zul"),
    example=_from("zul", "zulu"),
    templates=[
        Template("Here is a piece of news in isiZulu: {{ zulu }}\nPut it into English."),
        Template("isiZulu: {{ zulu }}", cue="isiNgisi:"),
        Template("{{ zulu }}\nTranslate this from Zulu for an English-language newspaper in Johannesburg."),
        Template(
            "South Africa has many official languages, and what is written in one of them is often needed in another. "
            "Written in Zulu: {{ zulu }}\nGive it in English."
        ),
        Template("What would this sentence be if it had been written in English and not in Zulu? The Zulu: {{ zulu }}"),
        Template(
            "A Zulu verb can hold subject, object and tense in one word. Let them come apart again as you translate this "
            "into English: {{ zulu }}"
        ),
        Template("Please read this Zulu message and write back in English what it says. Message: {{ zulu }}"),
        Template("Write the following in Zulu: {{ answer }}", "{{ zulu }}", kind="inverted", name="to_zulu"),
        Template(
            "A radio station in Durban reads the news in Zulu. Prepare this sentence for the newsreader: {{ answer }}",
            "{{ zulu }}",
            kind="inverted",
            name="newsreader_in_durban",
        ),
        Template("English original: {{ answer }}", "{{ zulu }}", kind="inverted", name="isizulu", cue="In isiZulu:"),
    ],
    lineage=["mafand"],
    metrics=["bleu"],
    train="train",
    evaluation="test",
    licence="CC BY-NC 4.0",
    link="https://huggingface.co/datasets/masakhane/mafand",
)


translation = Mixture(
    name="translation",
    parts=[
        wmt14_fr_en,
        wmt16_de_en,
        wmt16_cs_en,
        wmt16_fi_en,
        wmt16_ro_en,
        wmt16_ru_en,
        wmt16_tr_en,
        newstest_fr_en,
        newstest_de_en,
        newstest_cs_en,
        newstest_es_en,
        opus100_en_es,
        opus_books_en_it,
        multi30k,
        multi30k_fr,
        iwslt15_en_vi,
        mafand_en_hau,
        mafand_en_ibo,
        mafand_en_yor,
        mafand_en_zul,
    ],
    rate=proportional(cap=3000),
)
