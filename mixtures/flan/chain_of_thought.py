"""Chain of thought: FLAN 2022's nine sets with written-out reasoning, and four more of the kind.

Seven are the rationale files of the FLAN collection (Longpre et al. 2023), which are not on the hub:
https://github.com/google-research/FLAN/tree/main/flan/v2/cot_data, tab-separated question, answer, rationale. Lay them out in
your mirror as flan_cot/<name>/train.parquet with the columns source, target and rationale. FLAN's own wording in `source` is
taken off; only the data stay. They have training rows only, so the last twentieth serves for evaluation where it does not
repeat the rest. The other two, e-SNLI and QED, are read from their data sets on the hub, with all their rows.

Whether the reasoning is asked for is decided by the style, so the wordings here leave it open. Inverted templates ask for the
reasons of a given answer, for the question that was reasoned about, or for both question and answer.
The same questions without reasoning are tasks of other clusters; `lineage` says which.
"""

import re

from flanjax import Example, Mixture, SkipRow, StyleShares, Task, Template, hub, label, proportional

_NO_YES = ("no", "yes")
_TRAIN, _EVALUATION = "train[:95%]", "train[95%:]"
_LINK = "https://github.com/google-research/FLAN/tree/main/flan/v2/cot_data"


def _sentences(text):
    """The lines of a rationale as sentences of one line, since some vocabularies have no line break."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return " ".join(line if line[-1] in ".!?:;," else f"{line}." for line in lines)


def _untokenized(text):
    """The text without the spaces that a tokenizer put around punctuation."""
    text = " ".join(text.replace("``", '"').replace("''", '"').split())
    text = re.sub(r"([(\[$]) ", r"\1", re.sub(r" ([,.;:!?%)\]])", r"\1", text))
    return re.sub(r" (n't|'(?:s|m|d|re|ve|ll))\b", r"\1", text)


def _written(text):
    """A sentence as one writes it, with a capital and a full stop."""
    text = _untokenized(text)
    return text[:1].upper() + text[1:] + ("" if text[-1:] in ".!?" else ".")


def _lettered(row):
    """The question and its options "(A) text", with the option that the answer "(A)" names."""
    question, _, listed = row["source"].partition("\nOptions:\n")
    options = {
        letter: re.sub(r"(?<!\.\w)\.$", "", text.strip())
        for letter, text in re.findall(r"^(?:- )?(\([A-H]\)) ?(.*)$", listed, re.MULTILINE)
    }
    if len(set(options.values())) < len(options) or not all(options.values()):
        raise SkipRow("an option is empty, or two are the same")
    if re.search(r"\([A-H]\)|\b[Oo]ption [A-H]\b", row["rationale"]):
        raise SkipRow("the rationale names an option by its letter, which shuffling would make wrong")
    question, rationale = question.strip(), _sentences(row["rationale"])
    fields = {"question": question, "apart": question.rstrip(" ?:.").lower() not in rationale.lower()}
    return Example(fields, options[row["target"]], tuple(options.values()), rationale)


# --- arithmetic --------------------------------------------------------------------------------------------------------
# GSM8K (https://huggingface.co/datasets/openai/gsm8k), FLAN's file · licence: MIT
# {'source': 'Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many ...',
#  'target': '72', 'rationale': 'Natalia sold 48 / 2 = 24 clips in May. Natalia sold 48 + 24 = 72 clips altogether ...'}
cot_gsm8k = Task(
    name="cot_gsm8k",
    cluster="chain_of_thought",
    source=hub("flan_cot", "gsm8k"),
    example=lambda row: Example({"question": row["source"].strip()}, row["target"], rationale=_sentences(row["rationale"])),
    templates=[
        Template("{{ question }}"),
        Template("Solve this word problem. The result is a number.\nProblem: {{ question }}"),
        Template("A pupil in elementary school is stuck on the following exercise. {{ question }}"),
        Template("{{ question }} Calculate with care.", cue="Solution:"),
        Template("Math quiz, several steps needed: {{ question }}"),
        Template("Someone asked this on a help page for homework in arithmetic: {{ question }} What is the right number?"),
        Template("Work with the quantities in this story and find the one that is asked for.\nStory: {{ question }}"),
        Template(
            "Problem: {{ question }}\nThe answer at the back of the book is {{ answer }}. Show how one gets there.",
            "{{ rationale }}",
            kind="inverted",
            name="show_steps",
        ),
        Template(
            "Invent a word problem that is solved like this: {{ rationale }}",
            "{{ question }}",
            kind="inverted",
            name="write_problem",
        ),
        Template(
            "Set an exercise in arithmetic for a ten-year-old whose result is {{ answer }}, and add a worked solution.",
            "{{ question }} Solution: {{ rationale }}",
            kind="inverted",
            name="problem_and_solution",
        ),
        Template(
            "A tutor's notes read: {{ rationale }} Which number is the tutor's result, and to which problem?",
            "{{ answer }}. The problem: {{ question }}",
            kind="inverted",
            name="result_and_problem",
        ),
    ],
    lineage=["gsm8k"],
    metrics=["number_match"],
    train=_TRAIN,
    evaluation=_EVALUATION,
    licence="MIT",
    link=_LINK,
)


# https://huggingface.co/datasets/openai/gsm8k (socratic) · licence: MIT
# {'question': 'A robe takes 2 bolts of blue fiber and half that much white fiber.  How many bolts in total does it take?',
#  'answer': 'How many bolts of white fiber does it take? ** It takes 2/2=<<2/2=1>>1 bolt of white fiber\nHow many ...\n#### 3'}
def _gsm8k_questions(row):
    steps, _, result = row["answer"].partition("\n#### ")
    pairs = [line.split(" ** ", 1) for line in re.sub(r"<<.*?>>", "", steps).splitlines() if " ** " in line]
    if not pairs:
        raise SkipRow("no questions between the steps")
    questions = " ".join(f"{i}. {question.strip()}" for i, (question, _) in enumerate(pairs, 1))
    solution = " ".join(_sentences(f"{question.strip()}\n{answer.strip()}") for question, answer in pairs)
    fields = {"problem": " ".join(row["question"].split()), "solution": solution, "result": result.strip()}
    return Example(fields, questions)


gsm8k_questions = Task(
    name="gsm8k_questions",
    cluster="chain_of_thought",
    source=hub("openai/gsm8k", "socratic"),
    example=_gsm8k_questions,
    templates=[
        Template("Break this problem down into smaller questions, in the order in which to answer them. {{ problem }}"),
        Template("{{ problem }}\nDo not solve it yet. List the questions that lead to the result one by one."),
        Template(
            "A good teacher does not give the solution away but asks. What would the teacher ask about this problem?\n"
            "Problem: {{ problem }}",
            cue="Questions:",
        ),
        Template("Make a plan for the following exercise, in the form of numbered questions. {{ problem }}"),
        Template("What does one have to find out first, what next, and what last, in order to solve this? {{ problem }}"),
        Template("I have to explain this to my daughter tonight: {{ problem }} Which steps should I ask her about?"),
        Template("Divide and conquer: give the sub-questions hidden in the task.\nTask: {{ problem }}", cue="Sub-questions:"),
        Template("Problem: {{ problem }}\nTurn it into a chain of simple questions, each with one calculation."),
        Template(
            "{{ problem }}\nAnswer these questions in turn: {{ answer }}",
            "{{ solution }} The result is {{ result }}.",
            kind="inverted",
            name="answer_in_turn",
        ),
        Template(
            "Somebody asks and answers: {{ solution }} What was the whole problem?",
            "{{ problem }}",
            kind="inverted",
            name="whole_problem",
        ),
    ],
    lineage=["gsm8k"],
    metrics=["rougeL"],
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/openai/gsm8k",
)


# AQuA-RAT (https://huggingface.co/datasets/deepmind/aqua_rat), as sampled by FLAN · licence: Apache-2.0
# {'source': 'The edge of a cube is 7a cm. Find its surface?\nOptions:\n(A) 24a8\n(B) 24a4\n(C) 24a1\n(D) 24a2\n(E) 294a2',
#  'target': '(E)', 'rationale': '6a2 = 6 * 7a * 7a = 294a2'}
# No evaluation rows: its problems recur with other numbers among the choices, so a fifth of any slice is in the rest.
cot_aqua = Task(
    name="cot_aqua",
    cluster="chain_of_thought",
    source=hub("flan_cot", "aqua"),
    example=_lettered,
    templates=[
        Template("{{ question }}"),
        Template("A question from an entrance test for business schools: {{ question }}"),
        Template("Algebra or arithmetic, whichever it takes: {{ question }}", cue="Result:"),
        Template(
            "Take the choice that comes out when you work the problem.\n{{ options }}\nProblem: {{ question }}",
            options="always",
        ),
        Template("Your tutor hands you a sheet. Number 7 reads: {{ question }}"),
        Template("Find the value that is asked for, with its unit if it has one.\nExercise: {{ question }}"),
        Template("Set up what is known, then work out what is unknown. {{ question }}"),
        Template(
            "{{ question }} The key says {{ answer }}. How is this obtained?",
            "{{ rationale }}",
            kind="inverted",
            name="how_obtained",
        ),
        Template(
            "Which problem is worked out here, with the result {{ answer }}? {{ rationale }}",
            "{{ question }}",
            kind="inverted",
            name="which_problem",
        ),
        Template(
            "Write an item for a test of quantitative reasoning, and its explanation. The right choice will be: {{ answer }}",
            "{{ question }} Explanation: {{ rationale }}",
            kind="inverted",
            name="write_item",
        ),
    ],
    lineage=["aqua_rat"],
    licence="Apache-2.0",
    link=_LINK,
)


# --- common sense ------------------------------------------------------------------------------------------------------
# ECQA: explanations for CommonsenseQA (https://huggingface.co/datasets/tau/commonsense_qa) · licence: CDLA-Sharing-1.0
# {'source': 'What do you use to washing clothes?\nOptions:\n- clothes\n- laundry soap\n- soap and water\n...',
#  'target': 'soap and water', 'rationale': 'You use soap and water while washing clothes.'}
# Its training rows take in 794 of CommonsenseQA's 1,221 validation rows.
def _ecqa(row):
    question, _, listed = row["source"].partition("\nOptions:\n")
    options = tuple(line.removeprefix("- ").strip() for line in listed.splitlines())
    if len(set(options)) < len(options):
        raise SkipRow("two choices are the same")
    return Example({"question": question.strip()}, row["target"].strip(), options, _sentences(row["rationale"]))


cot_ecqa = Task(
    name="cot_ecqa",
    cluster="chain_of_thought",
    source=hub("flan_cot", "ecqa"),
    example=_ecqa,
    templates=[
        Template("{{ question }}"),
        Template("What is the most sensible answer to this? {{ question }}"),
        Template("You need no book for this question, only everyday experience. {{ question }}", cue="Answer:"),
        Template(
            "Several answers may be possible, but one fits best. Which one?\n{{ options }}\nQuestion: {{ question }}",
            options="always",
        ),
        Template("Someone who has just arrived on Earth would like to know: {{ question }}"),
        Template("Answer in a word or a few words, as most people would.\nQuestion: {{ question }}"),
        Template(
            "{{ question }} Decide between these: {{ choices | join(', ') }}",
        ),
        Template(
            "Question: {{ question }}\nAnswer: {{ answer }}\nExplain why this answer makes sense.",
            "{{ rationale }}",
            kind="inverted",
            name="explain",
        ),
        Template(
            'A child keeps asking why. You have just told the child the answer "{{ answer }}" to this question: '
            "{{ question }} What do you say now?",
            "{{ rationale }}",
            kind="inverted",
            name="why",
        ),
        Template(
            'From this piece of knowledge, make a question whose answer is "{{ answer }}": {{ rationale }}',
            "{{ question }}",
            kind="inverted",
            name="make_question",
        ),
        Template(
            "{{ rationale }}\nWrite a question that this explains, and its short answer.",
            "{{ question }} Answer: {{ answer }}",
            kind="inverted",
            name="question_and_answer",
        ),
    ],
    lineage=["commonsense_qa", "conceptnet"],
    train=_TRAIN,
    evaluation=_EVALUATION,
    licence="CDLA-Sharing-1.0",
    link=_LINK,
)


# https://huggingface.co/datasets/Salesforce/cos_e (v1.11) · licence: BSD-3-Clause
# {'id': '6b819727eb8a670df26a7ffad036c119', 'question': '"There are 10 apples on an apple tree.  Three fall off. ..."',
#  'choices': ['park', 'coloring book', 'garden center', 'math problem', 'gravity'], 'answer': 'math problem',
#  'abstractive_explanation': 'WebMath is designed to help you solve', 'extractive_explanation': '"There are 10 apples ...'}
# The explanations are the crowd's own words, some careless; those of fewer than four words are left out.
def _cos_e(row):
    choices = tuple(choice.strip(" .") for choice in row["choices"])
    explanation = _sentences(row["abstractive_explanation"]).lstrip(": ")
    if len(set(choices)) < len(choices) or len(explanation.split()) < 4:
        raise SkipRow("two choices are the same, or the explanation says next to nothing")
    return Example(
        {"question": " ".join(row["question"].split())},
        row["answer"].strip(" ."),
        choices,
        explanation[:1].upper() + explanation[1:],
    )


cot_cos_e = Task(
    name="cot_cos_e",
    cluster="chain_of_thought",
    source=hub("Salesforce/cos_e", "v1.11"),
    example=_cos_e,
    templates=[
        Template("Use common sense: {{ question }}"),
        Template("Pick the answer that would get the most votes.\n{{ options }}\n{{ question }}", options="always"),
        Template("Crowd workers were asked this: {{ question }} What did they answer?"),
        Template("Read the question twice, then answer it. {{ question }}", cue="My answer:"),
        Template("{{ question }}\nYour answer may be a thing, a place, an action or a quality, but keep it short."),
        Template("Which word or phrase goes best with the question? {{ question }}"),
        Template("The question is this: {{ question }} Which would you choose: {{ choices | join('; ') }}?"),
        Template(
            '{{ question }} People said "{{ answer }}" and were asked to give a reason. Give one.',
            "{{ rationale }}",
            kind="inverted",
            name="reason",
        ),
        Template(
            'Defend the choice of "{{ answer }}" in one sentence.\nQuestion: {{ question }}\nOther choices: '
            "{{ choices | reject('equalto', answer) | join(', ') }}",
            "{{ rationale }}",
            kind="inverted",
            name="defend",
        ),
        Template(
            "A remark was made to justify an answer. Remark: {{ rationale }} Answer: {{ answer }}\n"
            "Find a question that both fit.",
            "{{ question }}",
            kind="inverted",
            name="find_question",
            when="question | lower not in rationale | lower",
        ),
    ],
    lineage=["commonsense_qa", "conceptnet"],
    evaluation="validation",
    licence="BSD-3-Clause",
    link="https://huggingface.co/datasets/Salesforce/cos_e",
)


# ComVE (SemEval 2020, task 4; "sensemaking" in FLAN) · licence: CC BY-SA 4.0
# {'source': '...\nOptions:\n- Sentence A: "He drinks apple."\n- Sentence B: "He drinks milk."\n', 'target': 'Sentence A',
#  'rationale': 'An apple is a whole food and unable to be drunk without being juiced.'}
_PLACES = ("the first", "the second")


def _sensemaking(row):
    quoted = re.search(r'Sentence A: "(.*)"\n- Sentence B: "(.*)"', row["source"], re.DOTALL).groups()
    first, second = (_written(sentence.capitalize() if sentence.isupper() else sentence) for sentence in quoted)
    answer = _PLACES[("Sentence A", "Sentence B").index(row["target"])]
    odd, fine = (first, second) if answer == _PLACES[0] else (second, first)
    return Example({"first": first, "second": second, "odd": odd, "fine": fine}, answer, _PLACES, _sentences(row["rationale"]))


_AB = {"the first": "A", "the second": "B"}

cot_sensemaking = Task(
    name="cot_sensemaking",
    cluster="chain_of_thought",
    source=hub("flan_cot", "sensemaking"),
    example=_sensemaking,
    templates=[
        Template(
            'Which of these sentences makes no sense, the first or the second? "{{ first }}" "{{ second }}"', options="never"
        ),
        Template(
            "Sentence A: {{ first }}\nSentence B: {{ second }}\nOne of them goes against common sense. Is it A or B?",
            words=_AB,
            options="never",
        ),
        Template(
            'Two pupils each wrote a sentence. The first wrote: "{{ first }}" The second wrote: "{{ second }}" Which '
            "of them has to correct something because the world is not like that?"
        ),
        Template(
            "Find the absurd statement.\n{{ options }}\nThe first statement: {{ first }}\nThe second statement: {{ second }}",
            options="always",
        ),
        Template(
            "Only one of these could be said in earnest; the other is nonsense. 1: {{ first }} 2: {{ second }}\nGive the "
            "number of the nonsense.",
            words={"the first": "1", "the second": "2"},
            options="never",
            cue="Number:",
        ),
        Template(
            'On the left of a page it says "{{ first }}" and on the right it says "{{ second }}" Does the left one or the '
            "right one make you frown?",
            words={"the first": "the left one", "the second": "the right one"},
            options="never",
        ),
        Template(
            "Is it A or B that could not happen in real life?\nA: {{ first }}\nB: {{ second }}", words=_AB, options="never"
        ),
        Template(
            "Why does this sentence make no sense? {{ odd }}",
            "{{ rationale }}",
            kind="inverted",
            name="why_nonsense",
        ),
        Template(
            'People say "{{ fine }}" but not "{{ odd }}" Explain what is wrong with the latter.',
            "{{ rationale }}",
            kind="inverted",
            name="what_is_wrong",
        ),
        Template(
            "{{ rationale }}\nWrite a sentence that is nonsense for this very reason.",
            "{{ odd }}",
            kind="inverted",
            name="write_nonsense",
        ),
        Template(
            "Change this sentence so that it makes sense, and say why it did not before: {{ odd }}",
            "{{ fine }} Reason: {{ rationale }}",
            kind="inverted",
            name="mend",
        ),
    ],
    lineage=["comve"],
    train=_TRAIN,
    evaluation=_EVALUATION,
    shuffle_options=False,
    licence="CC BY-SA 4.0",
    link=_LINK,
)


# --- what people know ----------------------------------------------------------------------------------------------------
# StrategyQA (Geva et al. 2021) · licence: MIT
# {'source': 'Do people of the Iyer caste eat meat?', 'target': 'no', 'rationale': 'Iyer is a caste of Hindu Brahmin. ...'}
cot_strategyqa = Task(
    name="cot_strategyqa",
    cluster="chain_of_thought",
    source=hub("flan_cot", "strategyqa"),
    example=lambda row: Example({"question": row["source"].strip()}, row["target"], _NO_YES, _sentences(row["rationale"])),
    templates=[
        Template("{{ question }}"),
        Template("Yes or no: {{ question }}", options="never"),
        Template(
            "Nobody has written the answer to this down anywhere, but it follows from things that you know. {{ question }}"
        ),
        Template(
            "Combine two or three facts to decide the following.\n{{ options }}\nQuestion: {{ question }}", options="always"
        ),
        Template(
            "{{ question }} Is the answer to that affirmative or negative?",
            words={"yes": "affirmative", "no": "negative"},
            options="never",
        ),
        Template("A guest on a quiz show has ten seconds to say yes or no. The host asks: {{ question }}", options="never"),
        Template("Think of what bears on this question and settle it.\nQuestion: {{ question }}", cue="Verdict:"),
        Template(
            'The question "{{ question }}" has been settled: {{ answer }}. State the facts that settled it.',
            "{{ rationale }}",
            kind="inverted",
            name="facts",
        ),
        Template(
            "Facts: {{ rationale }} Ask a question that these facts, taken together, answer with {{ answer }}.",
            "{{ question }}",
            kind="inverted",
            name="ask",
        ),
        Template(
            "Here are some facts: {{ rationale }} Make up a yes-or-no question that takes all of them, and answer it.",
            "{{ question }} Answer: {{ answer }}",
            kind="inverted",
            name="ask_and_answer",
        ),
        Template(
            "Write down a tricky question with the answer {{ answer }}, along with what one has to know to see that.",
            "{{ question }} One has to know this: {{ rationale }}",
            kind="inverted",
            name="tricky_question",
        ),
    ],
    lineage=["strategyqa"],
    train=_TRAIN,
    evaluation=_EVALUATION,
    licence="MIT",
    link=_LINK,
)


# https://huggingface.co/datasets/tasksource/strategy-qa · licence: unknown there; the authors' repository has MIT
# {'qid': '2bc9c4f9c19c167187f2', 'term': 'Genghis Khan', 'description': 'founder and first Great Khan of the Mongol Empire',
#  'question': 'Are more people today related to Genghis Khan than Julius Caesar?', 'answer': True,
#  'facts': ['Julius Caesar had three children.', 'Genghis Khan had sixteen children.', 'Modern geneticists have ...'],
#  'decomposition': ['How many kids did Julius Caesar have?', 'How many kids did Genghis Khan have?', 'Is #2 greater than #1?']}
def _strategyqa_steps(row):
    steps = [" ".join(step.split()) for step in row["decomposition"] if step.strip()]
    if len(steps) < 2:
        raise SkipRow("not in steps")
    facts = " ".join(_sentences(fact) for fact in row["facts"])
    fields = {"question": row["question"].strip(), "facts": facts, "verdict": "yes" if row["answer"] else "no"}
    return Example(fields, " ".join(f"{i}. {step}" for i, step in enumerate(steps, 1)))


strategyqa_steps = Task(
    name="strategyqa_steps",
    cluster="chain_of_thought",
    source=hub("tasksource/strategy-qa"),
    example=_strategyqa_steps,
    templates=[
        Template("Which simple questions does one have to answer in order to answer this one? {{ question }}"),
        Template(
            "{{ question }}\nWrite the steps of the search for an answer as numbered questions; #1 stands for the answer to "
            "the first."
        ),
        Template(
            "Decompose into single facts to be looked up and a last step that puts them together.\nQuestion: {{ question }}",
            cue="Steps:",
        ),
        Template(
            "A detective would not guess but find things out one at a time. What would the detective ask, and in "
            "which order? {{ question }}"
        ),
        Template(
            'Draw up a plan for answering "{{ question }}" Refer to the answer of an earlier step by its number, such as #2.'
        ),
        Template(
            "You may send a list of short queries to a search engine. Which ones help with this? {{ question }}", cue="Queries:"
        ),
        Template("The question has a hidden strategy in it. Spell the strategy out.\nThe question: {{ question }}"),
        Template("{{ question }} Do not say yes or no. Say what one needs to know first, next and in the end."),
        Template(
            "Plan: {{ answer }}\nWhich yes-or-no question can be settled by this plan?",
            "{{ question }}",
            kind="inverted",
            name="find_question",
        ),
        Template(
            "{{ question }}\nCollect the facts that answer these questions: {{ answer }}",
            "{{ facts }} So the answer is {{ verdict }}.",
            kind="inverted",
            name="collect_facts",
            when="facts",
        ),
    ],
    lineage=["strategyqa"],
    metrics=["rougeL"],
    train="train[:90%]",  # as strategyqa, which is evaluated on the others
    evaluation="train[90%:]",
    licence="unknown",
    link="https://huggingface.co/datasets/tasksource/strategy-qa",
)


# CREAK (Onoe et al. 2021) · licence: MIT
# {'source': '"Marlboro used iconic imagery to promote its brand."\n...', 'target': 'yes',
#  'rationale': 'Marlboro (cigarette) is used cowboys as an advertising campaign.'}   the claim stands in quotation marks
def _creak(row):
    claim = re.search(r'"(.*)"', row["source"], re.DOTALL).group(1).strip()
    return Example(
        {"claim": claim}, {"no": "false", "yes": "true"}[row["target"]], ("false", "true"), _sentences(row["rationale"])
    )


_RIGHT_WRONG = {"true": "right", "false": "wrong"}

cot_creak = Task(
    name="cot_creak",
    cluster="chain_of_thought",
    source=hub("flan_cot", "creak"),
    example=_creak,
    templates=[
        Template("True or false? {{ claim }}", options="never"),
        Template(
            "Is the following claim fact or fiction?\nClaim: {{ claim }}",
            words={"true": "fact", "false": "fiction"},
            options="never",
        ),
        Template(
            "Judge this claim by what is commonly known about the person, place or thing in it. Is it true?\n"
            "Claim: {{ claim }}",
            words={"true": "yes", "false": "no"},
        ),
        Template(
            'A friend says: "Did you know? {{ claim }}" Is your friend right or wrong?', words=_RIGHT_WRONG, options="never"
        ),
        Template("Does the world bear this sentence out? {{ claim }}", words={"true": "yes", "false": "no"}),
        Template(
            "Fact check for the morning paper.\n{{ options }}\nThe sentence to be checked: {{ claim }}",
            options="always",
            cue="Finding:",
        ),
        Template("Without looking it up, would you call this true or false? {{ claim }}", options="never"),
        Template(
            "This claim is {{ answer }}: {{ claim }} What is the reason?",
            "{{ rationale }}",
            kind="inverted",
            name="reason",
        ),
        Template(
            "A reader doubts your verdict that the following is {{ answer }}. Justify it.\nThe claim: {{ claim }}",
            "{{ rationale }}",
            kind="inverted",
            name="justify",
        ),
        Template(
            "Knowing this, one can tell that a certain claim is {{ answer }}: {{ rationale }} Write such a claim.",
            "{{ claim }}",
            kind="inverted",
            name="write_claim",
        ),
        Template(
            "{{ rationale }}\nThis was the comment on a statement. What may the statement have been, and was it true or false?",
            "{{ claim }} That is {{ answer }}.",
            kind="inverted",
            name="statement_and_verdict",
        ),
    ],
    lineage=["creak"],
    train=_TRAIN,
    evaluation=_EVALUATION,
    licence="MIT",
    link=_LINK,
)


# QASC (https://huggingface.co/datasets/allenai/qasc) · licence: CC BY 4.0
# {'source': 'How do platypus lay eggs?\nOptions:\n- (A) epidermis and dermis\n- (B) on a flat plane\n ...\n- (H) in the water',
#  'target': '(G)', 'rationale': 'Platypus females lay their eggs in a burrow. Burrows dug by badgers are also important ...'}
# Some questions are sentences to be completed, and a few have a gap "_".
cot_qasc = Task(
    name="cot_qasc",
    cluster="chain_of_thought",
    source=hub("flan_cot", "qasc"),
    example=_lettered,
    templates=[
        Template("{{ question }}"),
        Template("Answer or complete this by putting together two facts from school science: {{ question }}"),
        Template("Biology, physics, chemistry or earth science, middle school. {{ question }}", cue="Answer:"),
        Template(
            "Eight choices are on the board, and one is right.\n{{ options }}\nOn the test sheet: {{ question }}",
            options="always",
        ),
        Template("A science teacher reads out the following. What should the class reply? {{ question }}"),
        Template("Science question: {{ question }}\nFind the term or phrase that belongs to it."),
        Template("{{ question }}\nYour choices are {{ choices[:-1] | join('; ') }}; and {{ choices[-1] }}."),
        Template(
            "Question: {{ question }}\nCorrect answer: {{ answer }}\nState the facts from which this follows.",
            "{{ rationale }}",
            kind="inverted",
            name="state_facts",
        ),
        Template(
            'Chain of facts: {{ rationale }} Which question leads along this chain to the answer "{{ answer }}"?',
            "{{ question }}",
            kind="inverted",
            name="which_question",
            when="apart",
        ),
        Template(
            "Write a science question for a class that has just learned this: {{ rationale }} Give the answer as well.",
            "{{ question }} Answer: {{ answer }}",
            kind="inverted",
            name="question_and_answer",
        ),
    ],
    lineage=["qasc"],
    train=_TRAIN,
    evaluation=_EVALUATION,
    licence="CC BY 4.0",
    link=_LINK,
)


# https://huggingface.co/datasets/tasksource/ScienceQA_text_only · licence: unknown
# {'question': 'Which figure of speech is used in this text?\n"I love waking up at 5 ..."', 'choices': ['chiasmus', 'verbal
#  irony'], 'answer': 1, 'hint': '', 'task': 'closed choice', 'grade': 'grade11', 'subject': 'language science',
#  'topic': 'figurative-language', 'category': 'Literary devices', 'skill': 'Classify the figure of speech ...',
#  'lecture': 'Figures of speech are words or phrases that use language in a nonliteral or unusual way. ...',
#  'solution': 'The text uses verbal irony, which involves saying one thing but implying something very different. ...'}
# The questions of ScienceQA (Lu et al. 2022) that need no picture.
def _science_qa(row):
    choices = tuple(" ".join(choice.split()) for choice in row["choices"])
    if len(set(choices)) < len(choices) or not row["solution"].strip():
        raise SkipRow("two choices are the same, or there is no solution")
    fields = {
        "question": _sentences(row["question"]),
        "hint": _sentences(row["hint"] or ""),
        "lecture": _sentences(row["lecture"] or ""),
        "category": (row["category"] or "science").lower(),
    }
    return Example(fields, choices[row["answer"]], choices, _sentences(row["solution"]))


science_qa = Task(
    name="science_qa",
    cluster="chain_of_thought",
    source=hub("tasksource/ScienceQA_text_only"),
    example=_science_qa,
    templates=[
        Template("{% if hint %}{{ hint }}\n{% endif %}{{ question }}"),
        Template("Topic of the lesson: {{ category }}\n{% if hint %}Given: {{ hint }}\n{% endif %}Question: {{ question }}"),
        Template(
            "Choose the answer that your textbook would "
            "give.\n{{ options }}\n{% if hint %}{{ hint }}\n{% endif %}{{ question }}",
            options="always",
        ),
        Template(
            "{{ lecture }}\nApply this to the following question. {% if hint %}{{ hint }} {% endif %}{{ question }}",
            when="lecture",
        ),
        Template("Question: {{ question }}{% if hint +%}\nHint: {{ hint }}{% endif %}", cue="Answer:"),
        Template(
            "{{ question }} Is it {{ choices[:-1] | join(', ') }} or {{ choices[-1] }}?{% if hint %} Take into account that "
            "this is given: {{ hint }}{% endif %}"
        ),
        Template(
            "From the final exam in a class on {{ category }}: {% if hint %}{{ hint }} {% endif %}{{ question }}", cue="Pupil:"
        ),
        Template(
            "{% if hint %}{{ hint }}\n{% endif %}{{ question }}\nThe solution is: {{ answer }}\nWrite the explanation for "
            "the answer sheet.",
            "{{ rationale }}",
            kind="inverted",
            name="explain",
        ),
        Template(
            "What does one have to have learned in order to answer this? {{ question }}",
            "{{ lecture }}",
            kind="inverted",
            name="lecture",
            when="lecture",
        ),
        Template(
            "Here is the solution of an exercise on {{ category }}: {{ rationale }} What does the exercise ask?",
            "{{ question }}",
            kind="inverted",
            name="what_is_asked",
        ),
    ],
    lineage=["science_qa"],
    evaluation="validation",
    long_fields=["lecture", "hint"],
    licence="unknown",
    link="https://huggingface.co/datasets/tasksource/ScienceQA_text_only",
)


# --- from a text -------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/esnli/esnli · licence: unknown
# {'premise': 'A woman in a black hooded sweatshirt walking with a large dog .', 'hypothesis': 'A woman walking a dog',
#  'label': 0, 'explanation_1': 'a large dog is walking with a woman in a sweatshirt .', 'explanation_2': '...', ...}
# labels: entailment, neutral, contradiction. Training rows have one explanation, the others three, of which one is drawn.
_relation = label(("entailment", "neutral", "contradiction"))


def _esnli(row, draws):
    explanations = [row[name] for name in ("explanation_1", "explanation_2", "explanation_3") if (row[name] or "").strip()]
    if not explanations:
        raise SkipRow("no explanation")
    explanation = explanations[draws.integer("explanation", len(explanations))]
    explanation = _written(re.sub(r"^\s*(?:answer|reason|explanation)\s*:\s*", "", explanation, flags=re.IGNORECASE))
    fields = {"premise": _written(row["premise"]), "hypothesis": _written(row["hypothesis"])}
    return Example(fields, _relation(row["label"]), ("entailment", "neutral", "contradiction"), explanation)


_YES_NO_MAYBE = {"entailment": "yes", "neutral": "maybe", "contradiction": "no"}
_MUST_MAY_CANNOT = {"entailment": "must be", "neutral": "may be", "contradiction": "cannot be"}

cot_esnli = Task(
    name="cot_esnli",
    cluster="chain_of_thought",
    source=hub("esnli/esnli", revision="refs/convert/parquet"),
    example=_esnli,
    templates=[
        Template(
            "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nIs this a case of entailment, neutral or contradiction?",
            options="never",
        ),
        Template(
            "Somebody describes a photograph: {{ premise }} Can one conclude the following about it? {{ hypothesis }}\nSay "
            "yes, no or maybe.",
            words=_YES_NO_MAYBE,
            options="never",
        ),
        Template(
            "Caption of a picture: {{ premise }}\nSomeone else writes below it: {{ hypothesis }}\nIs the second sentence "
            "true of the picture, false, or can one not tell?",
            words={"entailment": "true", "neutral": "one cannot tell", "contradiction": "false"},
            options="never",
        ),
        Template(
            'You see this: {{ premise }} Which of the words describes the statement "{{ hypothesis }}"?\n{{ options }}',
            words={"entailment": "certain", "neutral": "possible", "contradiction": "impossible"},
            options="always",
        ),
        Template(
            "{{ premise }} Given that, {{ choices[:-1] | join(', ') }} or {{ choices[-1] }} so: {{ hypothesis }} "
            "Choose the right words.",
            words={"entailment": "it must be", "neutral": "it may be", "contradiction": "it cannot be"},
        ),
        Template(
            'A witness reports: {{ premise }} The lawyer asks whether this means that "{{ hypothesis }}" What '
            "should the witness answer: yes, no, or not necessarily?",
            words={"entailment": "yes", "neutral": "not necessarily", "contradiction": "no"},
            options="never",
        ),
        Template(
            "Name the relation between two sentences about one scene. First: {{ premise }} Second: {{ hypothesis }}",
            options="always",
            cue="Relation:",
        ),
        Template(
            "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nThe label of this pair is {{ answer }}. Explain it in a "
            "sentence.",
            "{{ rationale }}",
            kind="inverted",
            name="explain",
            when="rationale not in hypothesis",
        ),
        Template(
            '{{ premise }} Taking that for granted, the statement "{{ hypothesis }}" {{ answer }} true. Why?',
            "{{ rationale }}",
            kind="inverted",
            name="why",
            when="rationale not in hypothesis",
            words=_MUST_MAY_CANNOT,
        ),
        Template(
            "A scene is described in this way: {{ premise }} Write a second sentence about the scene to which the "
            "following comment would apply: {{ rationale }}",
            "{{ hypothesis }}",
            kind="inverted",
            name="write_hypothesis",
            when="hypothesis not in premise and hypothesis not in rationale",
        ),
        Template(
            "{{ premise }} Add a sentence that stands to this one in a relation of {{ answer }}, and justify the label.",
            "{{ hypothesis }} Justification: {{ rationale }}",
            kind="inverted",
            name="hypothesis_and_reason",
            words={"neutral": "neutrality"},
        ),
    ],
    lineage=["snli", "flickr30k"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/esnli/esnli",
)


# https://huggingface.co/datasets/google-research-datasets/qed · licence: unknown
# {'example_id': 4544770464122, 'title_text': 'Snow White', 'url': '...', 'question': 'what was the name of the evil ...',
#  'paragraph_text': 'Snow White is ...', 'sentence_starts': [0, 120, ...],
#  'original_nq_answers': [{'start': 31, 'end': 44, 'string': 'Queen Grimhilde'}],
#  'annotation': {'referential_equalities': [{'question_reference': {'start': 3, 'end': 9, 'string': '...'},
#  'sentence_reference': {'start': 7, 'end': 21, 'bridge': 'False', 'string': '...'}}], 'answer': [...],
#  'explanation_type': 'single_sentence', 'selected_sentence': {'start': 0, 'end': 119, 'string': '...'}}}
# FLAN's own file is not in its repository's snapshots. The reasoning here says in words what the annotation says in spans: the
# sentence that holds the answer, and which phrases of question and sentence mean the same.
def _qed(row):
    notes = row["annotation"]
    sentence = _untokenized((notes["selected_sentence"] or {}).get("string", ""))
    if notes["explanation_type"] != "single_sentence" or not sentence or not row["original_nq_answers"]:
        raise SkipRow("the answer is not explained by one sentence")
    pairs = ((e["question_reference"]["string"], e["sentence_reference"]["string"]) for e in notes["referential_equalities"])
    same = [
        f'"{asked.strip()}" in the question is "{said.strip()}" there.'
        for asked, said in pairs
        if asked.strip() and said.strip()
    ]
    question = row["question"].strip()
    question = question[:1].upper() + question[1:] + ("" if question.endswith("?") else "?")
    fields = {
        "question": question,
        "passage": _untokenized(row["paragraph_text"]),
        "title": row["title_text"],
        "sentence": sentence,
    }
    rationale = " ".join([f'The passage says: "{sentence}"', *same])
    return Example(fields, row["original_nq_answers"][0]["string"].strip(), rationale=rationale)


cot_qed = Task(
    name="cot_qed",
    cluster="chain_of_thought",
    source=hub("google-research-datasets/qed", revision="refs/convert/parquet"),
    example=_qed,
    templates=[
        Template("{{ passage }}\nQuestion: {{ question }}"),
        Template("Use the Wikipedia paragraph to answer the question.\nQuestion: {{ question }}\nParagraph: {{ passage }}"),
        Template(
            "One sentence of this text on {{ title }} answers the question that follows it.\nText: {{ passage }}\nQuestion: "
            "{{ question }}"
        ),
        Template('Somebody typed "{{ question }}" into a search engine and got this: {{ passage }}\nWhat is the answer?'),
        Template("{{ question }} Look it up here: {{ passage }}", cue="Short answer:"),
        Template("Article: {{ title }}\nPassage: {{ passage }}\nCopy the words that answer this: {{ question }}"),
        Template(
            "Find the sentence that matters, match its words to those of the question, and answer.\nPassage: "
            "{{ passage }}\nQuestion: {{ question }}"
        ),
        Template(
            "Passage: {{ passage }}\nQuestion: {{ question }}\nAnswer: {{ answer }}\nHow can one see from the passage that "
            "this is the answer?",
            "{{ rationale }}",
            kind="inverted",
            name="how_to_see",
        ),
        Template(
            '{{ passage }}\nWhat could one ask about this so that the answer is "{{ answer }}"?',
            "{{ question }}",
            kind="inverted",
            name="ask",
        ),
        Template(
            'State in one sentence what the answer "{{ answer }}" to the question "{{ question }}" says about {{ title }}.',
            "{{ sentence }}",
            kind="inverted",
            name="state",
        ),
    ],
    lineage=["natural_questions", "qed"],
    metrics=["exact_match", "token_f1"],
    evaluation="validation",
    long_fields=["passage"],
    licence="unknown",
    link="https://huggingface.co/datasets/google-research-datasets/qed",
)

chain_of_thought = Mixture(
    name="chain_of_thought",
    parts=[
        cot_gsm8k,
        cot_aqua,
        cot_ecqa,
        cot_sensemaking,
        cot_strategyqa,
        cot_creak,
        cot_qasc,
        cot_esnli,
        cot_qed,
        cot_cos_e,
        gsm8k_questions,
        strategyqa_steps,
        science_qa,
    ],
    rate=proportional(cap=3000),
    styles=StyleShares(few_shot=0.3, max_shots=3, options=1.0, chain_of_thought=0.7, inverted=0.3),
)
