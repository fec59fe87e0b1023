"""Tasks with written-out reasoning, asked directly or for the reasoning first.

Part of mixtures/flan_mini.py. All but GSM8K are the rationale files of the FLAN collection (Longpre et al. 2023), which are
not on the hub: https://github.com/google-research/FLAN/tree/main/flan/v2/cot_data, tab-separated question, answer, rationale.
Lay them out in your mirror as flan_cot/<name>/train.parquet with the columns source, target and rationale, or train on
`flan_mini.py:direct`, which does without. FLAN's own wording in `source` is taken off here; only the data stays.
They have training rows only, so the last twentieth serves for evaluation where it does not repeat the rest.
"""

import re

from flanjax import Example, Mixture, SkipRow, StyleShares, Task, Template, hub, proportional

_NO_YES = ("no", "yes")
_TRAIN, _EVALUATION = "train[:95%]", "train[95%:]"
_LINK = "https://github.com/google-research/FLAN/tree/main/flan/v2/cot_data"


def _sentences(text):
    """The lines of a rationale as sentences of one line, since some vocabularies have no line break."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(line if line[-1] in ".!?:;," else f"{line}." for line in lines)


def _lettered(row):
    """The question and its options "(A) text", with the option that the answer "(A)" names."""
    question, _, listed = row["source"].partition("\nOptions:\n")
    options = {letter: text.strip() for letter, text in re.findall(r"^(?:- )?(\([A-H]\)) ?(.*)$", listed, re.MULTILINE)}
    if len(set(options.values())) < len(options) or not all(options.values()):
        raise SkipRow("an option is empty, or two are the same")
    if re.search(r"\([A-H]\)", row["rationale"]):
        raise SkipRow("the rationale names an option by its letter, which shuffling would make wrong")
    return Example(
        {"question": question.strip()}, options[row["target"]], tuple(options.values()), _sentences(row["rationale"])
    )


# --- arithmetic ------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/openai/gsm8k (main) · licence: MIT
# {'question': 'Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. How much ...',
#  'answer': 'Weng earns 12/60 = $<<12/60=0.2>>0.2 per minute.\nWorking 50 minutes, she earned = $<<0.2*50=10>>10.\n#### 10'}
def _gsm8k(row):
    reasoning, _, answer = row["answer"].partition("\n#### ")
    return Example(
        {"question": row["question"].strip()}, answer.strip(), rationale=_sentences(re.sub(r"<<.*?>>", "", reasoning))
    )


gsm8k = Task(
    name="gsm8k",
    cluster="math",
    source=hub("openai/gsm8k", "main"),
    example=_gsm8k,
    templates=[
        Template("{{ question }}"),
        Template("Solve this word problem: {{ question }}"),
        Template("{{ question }} The result is a number. Which?"),
        Template("Homework for today: {{ question }} What should the pupil write down as the answer?"),
        Template("Problem: {{ question }}\nWanted: a number."),
        Template("Invent a word problem that is solved like this: {{ rationale }}", "{{ question }}", kind="inverted"),
    ],
    lineage=["gsm8k"],
    metrics=["number_match"],
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/openai/gsm8k",
)

# AQuA-RAT (https://huggingface.co/datasets/deepmind/aqua_rat), as sampled by FLAN · licence: Apache-2.0
# {'source': 'The edge of a cube is 7a cm. Find its surface?\nOptions:\n(A) 24a8\n(B) 24a4\n(C) 24a1\n(D) 24a2\n(E) 294a2',
#  'target': '(E)', 'rationale': '6a2 = 6 * 7a * 7a = 294a2'}
# No evaluation rows: its problems recur with other numbers among the choices, so a fifth of any slice is in the rest.
aqua = Task(
    name="aqua",
    cluster="math",
    source=hub("flan_cot", "aqua"),
    example=_lettered,
    templates=[
        Template("{{ question }}"),
        Template("Find the right result. {{ question }}"),
        Template("Algebra problem. {{ question }} What comes out?"),
        Template("Entrance test for a business school. Work fast.\n{{ options }}\nThe task: {{ question }}"),
        Template("Your tutor says: try this one. {{ question }}"),
        Template(
            "Which problem is worked out here? {{ rationale }} Its answer is {{ answer }}.", "{{ question }}", kind="inverted"
        ),
    ],
    lineage=["aqua_rat"],
    licence="Apache-2.0",
    link=_LINK,
)


# --- common sense ----------------------------------------------------------------------------------------------------
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


ecqa = Task(
    name="ecqa",
    cluster="commonsense",
    source=hub("flan_cot", "ecqa"),
    example=_ecqa,
    templates=[
        Template("{{ question }}"),
        Template("What is the best reply to this question? {{ question }}"),
        Template("Everyday knowledge test: {{ question }}"),
        Template("Take the choice that makes the most sense.\n{{ options }}\nQuestion: {{ question }}"),
        Template("A friend asks you: {{ question }} What do you tell them?"),
        Template(
            "Somebody reasons: {{ rationale }} Which question were they asked, if the answer is {{ answer }}?",
            "{{ question }}",
            kind="inverted",
        ),
        Template(
            "Question: {{ question }} The answer is {{ answer }}. Explain why.",
            "{{ rationale }}",
            kind="inverted",
            name="explain",
        ),
    ],
    lineage=["commonsense_qa"],
    train=_TRAIN,
    evaluation=_EVALUATION,
    licence="CDLA-Sharing-1.0",
    link=_LINK,
)


# ComVE (SemEval 2020, task 4; "sensemaking" in FLAN) · licence: CC BY-SA 4.0
# {'source': '...\nOptions:\n- Sentence A: "He drinks apple."\n- Sentence B: "He drinks milk."\n', 'target': 'Sentence A',
#  'rationale': 'An apple is a whole food and unable to be drunk without being juiced.'}
def _sensemaking(row):
    first, second = re.search(r'Sentence A: "(.*)"\n- Sentence B: "(.*)"', row["source"], re.DOTALL).groups()
    options = ("the first", "the second")
    answer = options[("Sentence A", "Sentence B").index(row["target"])]
    odd = first if answer == options[0] else second
    return Example({"first": first, "second": second, "odd": odd}, answer, options, _sentences(row["rationale"]))


sensemaking = Task(
    name="sensemaking",
    cluster="commonsense",
    source=hub("flan_cot", "sensemaking"),
    example=_sensemaking,
    templates=[
        Template('One of these could not happen. "{{ first }}" "{{ second }}" Is it the first or the second?'),
        Template('First: "{{ first }}"\nSecond: "{{ second }}"\nAbsurd: which of the two?'),
        Template('Is the first or the second statement at odds with how the world works? "{{ first }}" Or "{{ second }}"'),
        Template('Spot the nonsense.\n{{ options }}\nThe first says: "{{ first }}"\nThe second says: "{{ second }}"'),
        Template(
            'A child said this. The first was: "{{ first }}" The second was: "{{ second }}" Which one is to be corrected?'
        ),
        Template('Why is this nonsense? "{{ odd }}"', "{{ rationale }}", kind="inverted", name="why"),
        Template(
            "Write a sentence that is nonsense for this reason: {{ rationale }}", "{{ odd }}", kind="inverted", name="nonsense"
        ),
    ],
    lineage=["comve"],
    train=_TRAIN,
    evaluation=_EVALUATION,
    shuffle_options=False,
    licence="CC BY-SA 4.0",
    link=_LINK,
)

# --- questions without a text ----------------------------------------------------------------------------------------
# StrategyQA (Geva et al. 2021) · licence: MIT
# {'source': 'Do people of the Iyer caste eat meat?', 'target': 'no', 'rationale': 'Iyer is a caste of Hindu Brahmin. ...'}
strategyqa = Task(
    name="strategyqa",
    cluster="closed_book_qa",
    source=hub("flan_cot", "strategyqa"),
    example=lambda row: Example({"question": row["source"].strip()}, row["target"], _NO_YES, _sentences(row["rationale"])),
    templates=[
        Template("{{ question }}"),
        Template("Yes or no: {{ question }}"),
        Template("{{ question }} Think of what you know that bears on this."),
        Template("This takes more than one fact to answer.\n{{ options }}\nQuestion: {{ question }}"),
        Template("Riddle of the day: {{ question }} Give your verdict."),
        Template(
            "Facts: {{ rationale }} Ask a yes-or-no question that these facts answer with {{ answer }}.",
            "{{ question }}",
            kind="inverted",
        ),
        Template(
            "{{ question }} The answer is {{ answer }}. Which facts show it?", "{{ rationale }}", kind="inverted", name="facts"
        ),
    ],
    lineage=["strategyqa"],
    train=_TRAIN,
    evaluation=_EVALUATION,
    licence="MIT",
    link=_LINK,
)

# CREAK (Onoe et al. 2021) · licence: MIT
# {'source': '"Marlboro used iconic imagery to promote its brand."\n...', 'target': 'yes',
#  'rationale': 'Marlboro (cigarette) is used cowboys as an advertising campaign.'}   the claim stands in quotation marks
creak = Task(
    name="creak",
    cluster="closed_book_qa",
    source=hub("flan_cot", "creak"),
    example=lambda row: Example(
        {"claim": re.search(r'"(.*)"', row["source"], re.DOTALL).group(1).strip()},
        {"no": "false", "yes": "true"}[row["target"]],
        ("false", "true"),
        _sentences(row["rationale"]),
    ),
    templates=[
        Template("True or false? {{ claim }}"),
        Template("{{ claim }} Would you say that this is true or false?"),
        Template("Claim: {{ claim }}\nJudge whether it is true or false."),
        Template("Check what the quiz show said.\n{{ options }}\nIt said: {{ claim }}"),
        Template('A friend says: "Did you know? {{ claim }}" As far as you know, is the friend right, true or false?'),
        Template(
            "Make a {{ answer }} claim that can be judged by knowing this: {{ rationale }}", "{{ claim }}", kind="inverted"
        ),
        Template("This claim is {{ answer }}: {{ claim }} Give the reason.", "{{ rationale }}", kind="inverted", name="reason"),
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
qasc = Task(
    name="qasc",
    cluster="closed_book_qa",
    source=hub("flan_cot", "qasc"),
    example=_lettered,
    templates=[
        Template("{{ question }}"),
        Template("Answer or complete this, using facts from school science: {{ question }}"),
        Template("Biology, physics or geology? Whatever it is, answer it: {{ question }}"),
        Template("Eight choices, one is right.\n{{ options }}\nQuestion: {{ question }}"),
        Template("Science question of the week: {{ question }}"),
        Template(
            "Chain of facts: {{ rationale }} Which question leads along this chain to the answer {{ answer }}?",
            "{{ question }}",
            kind="inverted",
        ),
    ],
    lineage=["qasc"],
    train=_TRAIN,
    evaluation=_EVALUATION,
    licence="CC BY 4.0",
    link=_LINK,
)

chain_of_thought = Mixture(
    name="chain_of_thought",
    parts=[gsm8k, aqua, ecqa, sensemaking, strategyqa, creak, qasc],
    rate=proportional(cap=3000),
    styles=StyleShares(few_shot=0.3, max_shots=3, options=1.0, chain_of_thought=0.7, inverted=0.1),
)
