"""Arithmetic, algebra and word problems.

FLAN 2021 has one set here, algebra__linear_1d of the DeepMind mathematics data; Flan 2022 adds GSM8K and AQuA with their
reasoning. ASDiv, SVAMP, MAWPS, MultiArith, AddSub, SingleEq and MathQA are the usual companions of both.

Left out: the other 55 modules of the mathematics data set, which the hub's Parquet branch does not hold; Hendrycks' MATH and
the sets made from it, whose LaTeX has no spelling in T5's vocabulary.

`math` needs nothing but the hub. `math_files` has three small evaluation sets that the hub does not hold as they are. Lay them
out in a mirror, the folder that FLANJAX_HUB_MIRROR names: addsub/default/test.parquet and singleeq/default/test.parquet with
the columns question, final_ans and equation, agieval/sat-math/test.parquet with passage, question, options and label.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional


def _sentences(text):
    """The lines of a solution as sentences of one line, since some vocabularies have no line break."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return " ".join(line if line[-1] in ".!?:;," else f"{line}." for line in lines)


def _number(value):
    """A number as people write it: 51.0 is 51, and fractions are rounded to six places."""
    value = float(value)
    return str(int(value)) if value == int(value) else f"{value:.6f}".rstrip("0")


def _untokenized(text):
    """Text without the spaces that a tokenizer puts around punctuation."""
    text = " ".join(text.replace("``", '"').replace("''", '"').split())
    text = re.sub(r" ([.,;:?!)]|(?<=\d )%|'s\b|'d\b|n't\b)", r"\1", re.sub(r"([$(#]) ", r"\1", text))
    return re.sub(r"(?<= )' ([^']+?) '(?= |[.,?!]|$)", r"'\1'", text)


def _capitalized(text):
    """Text with an upper-case letter at the start of each sentence, unless that is a single letter such as an unknown."""
    return re.sub(r"(^|[.?!] )([a-z])(?=[a-z])", lambda m: m.group(1) + m.group(2).upper(), text)


def _equation(text):
    """An equation with single spaces around its signs and without needless decimals: "X=((22.0-14.0)/4.0)" is a term."""
    text = re.sub(r"(\d)\.0\b", r"\1", text.replace(" ", ""))
    text = re.sub(r"([=+*/])|(?<=[\w)])(-)", lambda m: f" {m.group()} ", text)
    inner = text[1:-1]
    balanced = all(inner[:i].count("(") >= inner[:i].count(")") for i in range(len(inner) + 1))
    return inner if text[:1] == "(" and text[-1:] == ")" and balanced else text


# --- several steps, with the reasoning -------------------------------------------------------------------------------
# https://huggingface.co/datasets/openai/gsm8k (main) · licence: MIT
# {'question': 'Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. How much ...',
#  'answer': 'Weng earns 12/60 = $<<12/60=0.2>>0.2 per minute.\nWorking 50 minutes, she earned 0.2 x 50 = ...\n#### 10'}
def _worked(row):
    """The question, the reasoning without calculator marks, and the final number."""
    reasoning, _, answer = row["answer"].partition("\n#### ")
    return " ".join(row["question"].split()), re.sub(r"<<.*?>>", "", reasoning), answer.strip()


def _gsm8k(row):
    question, reasoning, answer = _worked(row)
    return Example({"question": question}, answer, rationale=_sentences(reasoning))


gsm8k = Task(
    name="gsm8k",
    cluster="math",
    source=hub("openai/gsm8k", "main"),
    example=_gsm8k,
    templates=[
        Template("{{ question }}"),
        Template("Solve this word problem and give the result as a number. {{ question }}"),
        Template("Here is a grade-school problem that takes several steps. Which number comes out at the end?\n{{ question }}"),
        Template("Word problem of the day: {{ question }}", cue="It comes to"),
        Template("Homework help, please! {{ question }} I only need the final number, to compare it with mine."),
        Template("The teacher reads a problem aloud: {{ question }} Which number should the children write down?"),
        Template(
            "Do the arithmetic that this little story calls for, and report the number it arrives at without a unit.\n"
            "Story: {{ question }}"
        ),
        Template("A tutor asks you to check a student's work. First, what is the correct answer to this? {{ question }}"),
        Template("{{ question }} Reply with digits only."),
        Template("Math league for middle schools, individual round.\n{{ question }}", cue="Answer (a number):"),
        Template(
            "Below is the worked solution of a word problem. Write the problem.\n{{ rationale }}",
            "{{ question }}",
            kind="inverted",
            name="write_problem",
        ),
        Template(
            "{{ question }} The answer is {{ answer }}. Show the working, step by step, in whole sentences.",
            "{{ rationale }}",
            kind="inverted",
            name="show_working",
        ),
        Template(
            "Invent a word problem for grade school that takes several steps and comes out at {{ answer }}.",
            "{{ question }}",
            kind="inverted",
            name="invent_problem",
        ),
    ],
    lineage=["gsm8k"],
    metrics=["number_match"],
    train="train",
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/openai/gsm8k",
)


# https://huggingface.co/datasets/openai/gsm8k (socratic) · licence: MIT
# {'question': "Janet's ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes muffins ...",
#  'answer': 'How many eggs does Janet sell? ** Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day.\nHow much ...\n#### 18'}
# The problems of GSM8K, with a question before each step of the solution.
def _gsm8k_socratic(row):
    question, reasoning, answer = _worked(row)
    pairs = [line.split(" ** ", 1) for line in reasoning.splitlines() if " ** " in line]
    if not pairs:
        raise SkipRow("no step has a question")
    guide = [f"{number}. {ask.strip()}" for number, (ask, _) in enumerate(pairs, 1)]
    fields = {
        "question": question,
        "guide": " ".join(guide),
        "first_question": pairs[0][0].strip(),
        "first_step": _sentences(pairs[0][1]),
        "number_of_steps": len(pairs),
    }
    return Example(fields, answer, rationale=_sentences("\n".join(f"{_sentences(ask)}\n{step}" for ask, step in pairs)))


gsm8k_socratic = Task(
    name="gsm8k_socratic",
    cluster="math",
    source=hub("openai/gsm8k", "socratic"),
    example=_gsm8k_socratic,
    templates=[
        Template("{{ question }} To get there, answer in turn: {{ guide }}\nWhat is the final number?"),
        Template("Plan: {{ guide }}\nFollow the plan to solve the problem, and give only its result.\nProblem: {{ question }}"),
        Template(
            "A tutor never tells but only asks. Find the number that the last question leads to.\n"
            "The problem: {{ question }}\nThe tutor's questions: {{ guide }}"
        ),
        Template("{{ question }}\nHints in the form of questions: {{ guide }}", cue="Final result:"),
        Template(
            "You are given a word problem and its outline. Fill in the outline in your head and write the number at its "
            "end.\n{{ question }}\nOutline: {{ guide }}"
        ),
        Template("Use these stepping stones. {{ guide }}\nWhich number do they lead to, given this problem? {{ question }}"),
        Template("Problem: {{ question }}\nWe have broken it down for you: {{ guide }}\nSend us the answer to the problem."),
        Template("First this: {{ first_question }} Then go on until you can say what is asked in the end. {{ question }}"),
        Template(
            "Solve the following in {{ number_of_steps }} {% if number_of_steps == 1 %}step{% else %}steps{% endif %} "
            "and report the number you end with.\n{{ question }}"
        ),
        Template(
            "Exam with guided questions. Only the final number is graded.\n{{ question }}\n{{ guide }}", cue="Final number:"
        ),
        Template(
            "Do not solve this problem. Instead, write the questions, in order, that a student has to answer on the way to the "
            "solution.\n{{ question }}",
            "{{ guide }}",
            kind="inverted",
            name="break_down",
        ),
        Template(
            "Only the first step, please. {{ first_question }} The whole problem, for context: {{ question }}",
            "{{ first_step }}",
            kind="inverted",
            name="first_step",
        ),
        Template(
            "Teach this problem in the manner of Socrates: before each step, ask what it answers.\n{{ question }}",
            "{{ rationale }}",
            kind="inverted",
            name="teach",
        ),
    ],
    lineage=["gsm8k"],
    metrics=["number_match"],
    train="train",
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/openai/gsm8k",
)

# --- algebra and quantities with choices -----------------------------------------------------------------------------
# https://huggingface.co/datasets/deepmind/aqua_rat (raw) · licence: Apache-2.0
# {'question': 'A password needs to contain 2 letters and 3 numbers. How many different passwords are possible if ...',
#  'options': ['A)676000', 'B)676', 'C)100', 'D)6760', 'E)10'],
#  'rationale': 'Letters: 26x26= 676\nNumbers: 10x10x10 = 1000\nAnswer: A', 'correct': 'A'}
_VERDICT = re.compile(
    r"[\s,.;:]*((so|hence|therefore|thus)[,\s]+)?(the\s+)?(correct\s+|right\s+|final\s+)?"
    r"\b(answer|ans|option|choice)\b[^\n]*$|\n\(?[a-e]\)?[.!]?\s*$",
    re.IGNORECASE,
)


def _reasoning(text):
    """A rationale without its last words on the letter of the answer; empty if it names letters before."""
    text = re.sub(r"^(?:solution|explanation)\s*:\s*", "", _VERDICT.sub("", text.strip()), flags=re.IGNORECASE)
    return "" if re.search(r"\b(answer|ans|option|choice)s?\b", text, re.IGNORECASE) else _sentences(text)


def _chosen(question, options, letter, rationale, **more):
    """A problem with five choices. Rows whose choices repeat are left out, since either would be right."""
    options = tuple(re.sub(r"(?<=\d)\.$", "", option.strip()) for option in options)
    position = "abcde".index(letter.strip().lower())
    if len(set(options)) < len(options) or not all(options) or position >= len(options):
        raise SkipRow("a choice is missing, or two are the same")
    points = re.search(r"\b(which|following|these|could|must)\b", question, re.IGNORECASE)
    return Example({"question": question, "open": points is None, **more}, options[position], options, rationale)


def _aqua_rat(row):
    options = [re.sub(r"^\s*[A-E]\s*\)", "", option) for option in row["options"]]
    return _chosen(_untokenized(row["question"]), options, row["correct"], _reasoning(row["rationale"]))


aqua_rat = Task(
    name="aqua_rat",
    cluster="math",
    source=hub("deepmind/aqua_rat", "raw"),
    example=_aqua_rat,
    templates=[
        Template("{{ question }}", options="always"),
        Template("Find the result. {{ question }}", when="open", options="never"),
        Template("Entrance test for a business school, quantitative part: {{ question }}", options="always", cue="Choose:"),
        Template("{{ options }}\nExactly one of the five is right for this problem.\n{{ question }}", options="always"),
        Template(
            "My study group cannot agree on this algebra problem. Which result is correct?\n{{ question }}", options="always"
        ),
        Template(
            "Set up the equation that the text describes, solve it, and state what it gives.\n{{ question }}",
            when="open",
            options="never",
        ),
        Template("Multiple-choice algebra\nProblem: {{ question }}", options="always", cue="The one that is right:"),
        Template("Do the calculation first, then look for what you got among the choices.\n{{ question }}", options="always"),
        Template("Numbers, rates, ratios or probabilities: whatever it takes, answer this. {{ question }}", options="always"),
        Template(
            "You have two minutes for each problem of the aptitude test, and this is the next one. {{ question }}",
            options="always",
        ),
        Template(
            "Which problem is solved here? State it in full.\nSolution: {{ rationale }}\nResult: {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="state_problem",
        ),
        Template(
            "Write the explanation that a test-preparation book prints after this problem.\nProblem: {{ question }}\n"
            "Result: {{ answer }}",
            "{{ rationale }}",
            kind="inverted",
            name="explain",
        ),
    ],
    lineage=["aqua_rat"],
    train="train",
    evaluation="validation",
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/deepmind/aqua_rat",
)


# https://huggingface.co/datasets/allenai/math_qa · licence: Apache-2.0
# {'Problem': 'a train 250 m long running at 72 kmph crosses a platform in 30 sec . what is the length of the platform ?',
#  'Rationale': '"speed = 72 * 5 / 18 = 20 m / s ... answer : a"', 'options': 'a ) 350 m , b ) 200 m , c ) 250 m , ...',
#  'correct': 'a', 'annotated_formula': 'subtract(multiply(30, multiply(72, const_0.2778)), 250)',
#  'linear_formula': 'multiply(n1,const_0.2778)|multiply(n2,#0)|subtract(#1,n0)|', 'category': 'physics'}
# The problems are AQuA's, in lower case and with spaces around every sign. The repository holds a script; the revision is
# the pull request that turns it into Parquet.
def _math_qa(row):
    listed = re.sub(r"[\[\]'\"]", "", row["options"].lower())
    options = [_untokenized(text) for text in re.split(r"\s*,?\s*\b[a-e] \) ?", f" {listed}")[1:]]
    rationale = _untokenized(row.get("Rationale", "").lower().strip('" '))
    rationale = _capitalized(_reasoning(rationale.removeprefix("explanation:").removeprefix("solution:").strip()))
    return _chosen(_capitalized(_untokenized(row["Problem"].lower())), options, row["correct"], rationale)


math_qa = Task(
    name="math_qa",
    cluster="math",
    source=hub("allenai/math_qa", revision="refs/pr/3"),
    example=_math_qa,
    templates=[
        Template("{{ question }}", options="always"),
        Template("Work out the quantity that the text asks for. {{ question }}", when="open"),
        Template("{{ options }}\nSelect the one that solves this: {{ question }}", options="always"),
        Template(
            "Physics, geometry, gain or probability? Decide what kind of problem it is and solve it.\n{{ question }}",
            options="always",
        ),
        Template("Written test for engineers, arithmetic section. {{ question }}", options="always", cue="Correct choice:"),
        Template("Which of the five values follows from the data in the problem?\n{{ question }}", options="always"),
        Template("Quantity wanted: {{ question }}", options="always", cue="Value:"),
        Template(
            "A calculator is allowed. Enter the right sequence of operations and tell me what it shows. {{ question }}",
            when="open",
        ),
        Template(
            "A friend preparing for a job test sends you this: {{ question }} Send back the right choice.", options="always"
        ),
        Template(
            "Estimate first so that you can rule out some of the choices, then compute.\n{{ question }}", options="always"
        ),
        Template(
            "Explain briefly how one gets from the question to the answer.\nQuestion: {{ question }}\nAnswer: {{ answer }}",
            "{{ rationale }}",
            kind="inverted",
            name="explain",
        ),
        Template(
            "Someone noted only the calculation: {{ rationale }}\nReconstruct the word problem that it belongs to.",
            "{{ question }}",
            kind="inverted",
            name="reconstruct_problem",
        ),
    ],
    lineage=["math_qa", "aqua_rat"],
    train="train",
    evaluation="validation",
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/allenai/math_qa",
)


# https://huggingface.co/datasets/deepmind/math_dataset (algebra__linear_1d) · licence: unknown (its generator: Apache-2.0)
# {'question': "b'Solve 24 = 1601*c - 1605*c for c.\\n'", 'answer': "b'-6\\n'"}
# On the hub, the texts are Python's spelling of bytes.
def _plain(text):
    found = re.fullmatch(r"""b(['"])(.*)\1""", text.strip(), re.DOTALL)
    return (found.group(2) if found else text).replace("\\n", " ").strip()


def _linear_1d(row):
    found = re.fullmatch(r"Solve (.+) for (\w)\.", _plain(row["question"]))
    if found is None:
        raise SkipRow("not an equation to be solved")
    left, _, right = found.group(1).partition("=")
    fields = {"equation": found.group(1), "unknown": found.group(2), "left": left.strip(), "right": right.strip()}
    return Example(fields, _plain(row["answer"]))


linear_1d = Task(
    name="math_dataset_linear_1d",
    cluster="math",
    source=hub("deepmind/math_dataset", "algebra__linear_1d", revision="refs/convert/parquet"),
    example=_linear_1d,
    templates=[
        Template("Solve {{ equation }} for {{ unknown }}."),
        Template("What is {{ unknown }} if {{ equation }}?"),
        Template("{{ equation }}\nFind the integer {{ unknown }} that makes this equation hold."),
        Template("Equation: {{ equation }}\nUnknown: {{ unknown }}", cue="Value of the unknown:"),
        Template(
            "The two sides of a balance carry the same weight.\nLeft: {{ left }}\nRight: {{ right }}\n"
            "How much does {{ unknown }} stand for?"
        ),
        Template(
            "Algebra I, exercise 1. Collect the terms in {{ unknown }} on one side and the numbers on the other, "
            "then write down the value of {{ unknown }}.\n{{ equation }}"
        ),
        Template("For which value of {{ unknown }} does {{ left }} equal {{ right }}? Answer with a whole number."),
        Template("I set up {{ equation }} and now need {{ unknown }}. Could you work it out and just send me the number?"),
        Template("A linear equation has one unknown, here {{ unknown }}, and one solution: {{ equation }}", cue="Solution:"),
        Template("Let {{ equation }}. Determine {{ unknown }}."),
        Template(
            "Write a linear equation in {{ unknown }}, with some terms to collect, that has the solution {{ answer }}.",
            "{{ equation }}",
            kind="inverted",
            name="write_equation",
        ),
    ],
    lineage=["math_dataset"],
    metrics=["accuracy", "number_match"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/deepmind/math_dataset",
)


# --- one or two steps ------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/ChilleD/SVAMP · licence: MIT
# {'ID': 'chal-1', 'Body': 'Each pack of dvds costs 76 dollars. If there is a discount of 25 dollars on each pack',
#  'Question': 'How much do you have to pay to buy each pack?', 'Equation': '( 76.0 - 25.0 )', 'Answer': '51.0',
#  'Type': 'Subtraction', 'question_concat': 'Each pack of dvds costs 76 dollars. If there is ...'}
# Problems of ASDiv changed so that reading the question matters: numbers that are not needed, the question turned round.
def _svamp(row):
    body, question = _untokenized(row["Body"]), _untokenized(row["Question"])
    joined = f"{body} {question}" if body.endswith((".", "?", "!")) else f"{body}, {question[:1].lower()}{question[1:]}"
    fields = {"question": joined, "equation": _equation(row["Equation"]), "asked": question, "story": body}
    return Example(fields, _number(row["Answer"]))


svamp = Task(
    name="svamp",
    cluster="math",
    source=hub("ChilleD/SVAMP"),
    example=_svamp,
    templates=[
        Template("{{ question }}"),
        Template("Careful, the text may contain numbers that you do not need. {{ question }}"),
        Template("Read the question twice before you calculate. {{ question }} Answer with a number."),
        Template("{{ asked }} What you know: {{ story }}", when="story[-1] == '.'"),
        Template("Elementary arithmetic, with a catch: {{ question }}", cue="Answer:"),
        Template("Second graders tend to take the first two numbers and add them. Do better than that. {{ question }}"),
        Template("Work out in one or two operations: {{ question }} Write only the number."),
        Template("Which amount is asked for here, and how much is it? Give just the amount as a number.\n{{ question }}"),
        Template("{{ question }} My calculator is broken, so please do it for me.", cue="The number is"),
        Template("Quiz for attentive readers. {{ question }} Note the number."),
        Template(
            "Translate the problem into a calculation with the numbers of the text; do not work it out.\n{{ question }}",
            "{{ equation }}",
            kind="inverted",
            name="write_calculation",
        ),
        Template(
            "Make up a short word problem that is solved by calculating {{ equation }} and comes out at {{ answer }}.",
            "{{ question }}",
            kind="inverted",
            name="write_problem",
        ),
        Template(
            "Here is the beginning of a word problem: {{ story }} Which question could follow, if its answer is {{ answer }}?",
            "{{ asked }}",
            kind="inverted",
            name="ask_question",
            when="story[-1] == '.'",
        ),
    ],
    lineage=["svamp", "asdiv"],
    metrics=["number_match"],
    train="train",
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/ChilleD/SVAMP",
)


# https://huggingface.co/datasets/EleutherAI/asdiv · licence: CC BY-NC 4.0
# {'body': 'Seven red apples and two green apples are in the basket.', 'question': 'How many apples are in the basket?',
#  'solution_type': 'Addition', 'answer': '9 (apples)', 'formula': '7+2=9'}
# A few answers are words, times or ratios. There is one split; its last tenth serves for evaluation.
def _asdiv(row):
    found = re.fullmatch(r"(.*?) \((.*)\)", row["answer"].strip())
    value, unit = found.groups() if found and ";" not in row["answer"] else (re.sub(r" ?\([^)]*\)", "", row["answer"]), "")
    body = " ".join(row["body"].split())
    question = " ".join(row["question"].split())
    question = question if body.endswith(",") else question[:1].upper() + question[1:]
    return Example(
        {"question": f"{body} {question}".strip(), "unit": unit, "formula": row["formula"].strip()},
        value.strip(),
    )


asdiv = Task(
    name="asdiv",
    cluster="math",
    source=hub("EleutherAI/asdiv", "asdiv"),
    example=_asdiv,
    templates=[
        Template("{{ question }}"),
        Template("Primary school math: {{ question }}", cue="Answer:"),
        Template("{{ question }} The unit of the answer is {{ unit }}, so write only the number.", when="unit"),
        Template("Read the problem and answer it with a number, a name, a time, or whatever is asked for.\n{{ question }}"),
        Template(
            "On a worksheet for grades one to six there is this: {{ question }} Fill in the blank after it.", cue="Blank:"
        ),
        Template("Help a child who is practicing word problems. {{ question }} What is the right answer?"),
        Template("Textbook problem: {{ question }}\nWhat does the solution manual say?"),
        Template("Think of the kind of problem first (sum, difference, share, ratio, area), then solve it. {{ question }}"),
        Template(
            "How many {{ unit }}? Here is the problem: {{ question }}", when="unit and unit[-1] == 's' and ' ' not in unit"
        ),
        Template("{{ question }} Say the answer without repeating the question."),
        Template(
            "Write the formula, with its result, that a teacher would put on the board for this problem.\n{{ question }}",
            "{{ formula }}",
            kind="inverted",
            name="write_formula",
        ),
        Template(
            "Tell a little story with numbers for primary school, ending in a question, that fits this formula: {{ formula }}",
            "{{ question }}",
            kind="inverted",
            name="write_problem",
        ),
    ],
    lineage=["asdiv"],
    metrics=["exact_match", "number_match"],
    train="validation[:90%]",
    evaluation="validation[90%:]",
    licence="CC BY-NC 4.0",
    link="https://huggingface.co/datasets/EleutherAI/asdiv",
)


# https://huggingface.co/datasets/MU-NLPC/Calc-mawps (default) · licence: MIT
# {'id': 'mawps__aqRzy2JmKx', 'question': 'Sara picked 6 pears and Tim picked 5 pears from the pear tree. How many ...',
#  'chain': '<gadget id="calculator">6 + 5</gadget>\n<output>11</output>\n\n<result>11</result>', 'result': '11',
#  'result_float': 11.0, 'equation': 'x=6+5', 'expression': '6+5'}
# MAWPS without the training rows that nearly repeat one of its own evaluation rows or of ASDiv's.
def _mawps(row):
    fields = {"question": _untokenized(row["question"]), "equation": _equation(row["expression"])}
    return Example(fields, _number(row["result_float"]))


mawps = Task(
    name="mawps",
    cluster="math",
    source=hub("MU-NLPC/Calc-mawps"),
    example=_mawps,
    templates=[
        Template("{{ question }}"),
        Template("Turn the story into an equation, solve it, and report the number. {{ question }}"),
        Template("Story problem: {{ question }}", cue="Number:"),
        Template("{{ question }} How would you answer, using nothing but a number?"),
        Template(
            "A website collects word problems together with their solutions. Supply the solution to this one.\n{{ question }}"
        ),
        Template("Fourth grade, Friday test. {{ question }} Write your answer on the line.", cue="Answer:"),
        Template("What is the unknown quantity in the following text? Give its value.\n{{ question }}"),
        Template("Grandma poses a riddle with numbers: {{ question }} What should her grandchildren reply?"),
        Template("{{ question }} I need just the figure, as a decimal if it is not a whole number."),
        Template("Please compute the result and skip the explanation: {{ question }}"),
        Template(
            "Give the arithmetic expression that solves the problem, without its value.\n{{ question }}",
            "{{ equation }}",
            kind="inverted",
            name="write_expression",
        ),
        Template(
            "Invent people and things for the expression {{ equation }} and ask for its value in a word problem.",
            "{{ question }}",
            kind="inverted",
            name="write_problem",
        ),
    ],
    lineage=["mawps"],
    metrics=["number_match"],
    train="train",
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/MU-NLPC/Calc-mawps",
)

# https://huggingface.co/datasets/ChilleD/MultiArith · licence: unknown
# {'question': ' For Halloween Debby and her sister combined the candy they received. Debby had 32 pieces of candy while ...',
#  'final_ans': '39'}
multiarith = Task(
    name="multiarith",
    cluster="math",
    source=hub("ChilleD/MultiArith"),
    example=lambda row: Example({"question": _untokenized(row["question"])}, _number(row["final_ans"])),
    templates=[
        Template("{{ question }}"),
        Template("It takes two operations to solve this problem. {{ question }} What is the result?"),
        Template("{{ question }} Do one operation, use its result in the next, and tell me the last number."),
        Template("Two-step problem for grade three: {{ question }}", cue="Answer:"),
        Template("Add, subtract, multiply or divide, then do so once more. Which number do you get?\n{{ question }}"),
        Template("From a math workbook: {{ question }} Enter the number."),
        Template("Two friends solve this together, each doing one step. What does the second friend get?\n{{ question }}"),
        Template(
            "I asked my class the following, and almost everybody stopped halfway. {{ question }} What is the full answer?"
        ),
        Template("Plan both steps before you calculate anything. {{ question }}", cue="The answer, as a whole number, is"),
        Template("Mental arithmetic, so no notes allowed. {{ question }} Say the number."),
        Template(
            "Write a word problem about everyday things that takes exactly two operations and has {{ answer }} as its answer.",
            "{{ question }}",
            kind="inverted",
            name="write_problem",
        ),
    ],
    lineage=["multiarith", "mawps", "asdiv"],
    metrics=["number_match"],
    train="train",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/ChilleD/MultiArith",
)


# --- small evaluation sets that are not on the hub -------------------------------------------------------------------
def _final_answer(row):
    return Example({"question": _untokenized(row["question"])}, _number(row["final_ans"]))


# https://github.com/AGI-Edgerunners/LLM-Adapters (dataset/AddSub) · licence: unknown
# {'question': 'Joan found 70 seashells on the beach . she gave Sam some of her seashells . She has 27 seashell . How many ...',
#  'final_ans': '43', 'equation': 'X = 70 - 27'}
addsub = Task(
    name="addsub",
    cluster="math",
    source=hub("addsub"),
    example=_final_answer,
    templates=[
        Template("{{ question }}"),
        Template("Add or subtract, whichever is called for. {{ question }} Give the number."),
        Template("{{ question }} Is something put together or taken away here? Work it out and reply with a number."),
        Template("First-grade arithmetic: {{ question }}", cue="Answer:"),
        Template("Count along and tell me what you end up with.\n{{ question }}"),
        Template("A sum or a difference solves this problem. State its value.\n{{ question }}"),
        Template("Addition and subtraction worksheet, problem 7. {{ question }}", cue="Result:"),
        Template("Sort out what there was before, what changed, and what there is now. {{ question }} Answer in figures."),
        Template("Not every number in the text has to be used. {{ question }} Which number is the answer?"),
        Template("Could you check my little brother's homework? The problem is: {{ question }} What should he have?"),
    ],
    lineage=["addsub", "mawps"],
    metrics=["number_match"],
    train=None,
    evaluation="test",
    licence="unknown",
    link="https://github.com/AGI-Edgerunners/LLM-Adapters",
)

# https://github.com/AGI-Edgerunners/LLM-Adapters (dataset/SingleEq) · licence: unknown
# {'question': 'There are 31 calories in a candy bar. How many calories are there in 11 candy bars ?', 'final_ans': '341',
#  'equation': '31*11=x'}
singleeq = Task(
    name="singleeq",
    cluster="math",
    source=hub("singleeq"),
    example=_final_answer,
    templates=[
        Template("{{ question }}"),
        Template("One equation with one unknown is all it takes. {{ question }} What is the unknown?"),
        Template("Call the unknown x, write the equation, and give me the value of x. {{ question }}"),
        Template("Let x stand for the number that is asked for. {{ question }}", cue="x ="),
        Template("Pre-algebra: {{ question }} Answer with a number, in decimals if need be."),
        Template("One number is missing from this story. Which one?\n{{ question }}"),
        Template("Word problem, single equation. {{ question }}", cue="Solution:"),
        Template("Translate from English into algebra and solve. Only the solution counts.\n{{ question }}"),
        Template("A store clerk needs the figure right now: {{ question }} What do you tell the clerk?"),
        Template("{{ question }} Write the result as a plain number, without a unit or a comma."),
    ],
    lineage=["singleeq", "mawps", "asdiv"],
    metrics=["number_match"],
    train=None,
    evaluation="test",
    licence="unknown",
    link="https://github.com/AGI-Edgerunners/LLM-Adapters",
)


# https://github.com/ruixiangcui/AGIEval (data/v1/sat-math.jsonl) · licence: MIT (the SAT's own questions: unknown)
# {'passage': '', 'question': 'If $\\frac{x-1}{3}=k$ and $k=3$, what is the value of $x ?$',
#  'options': ['(A)2', '(B)4', '(C)9', '(D)10'], 'label': 'D'}   two rows in three are written in LaTeX
def _sat_math(row):
    options = tuple(re.sub(r"^\([A-E]\)\s*", "", option).strip() for option in row["options"])
    if len(set(options)) < len(options):
        raise SkipRow("two choices are the same")
    return Example({"question": row["question"].strip()}, options["ABCDE".index(row["label"])], options)


sat_math = Task(
    name="agieval_sat_math",
    cluster="math",
    source=hub("agieval", "sat-math"),
    example=_sat_math,
    templates=[
        Template("{{ question }}", options="always"),
        Template("SAT, math section. {{ question }}", options="always", cue="Answer:"),
        Template("Pick the choice that is correct.\n{{ question }}\n{{ options }}", options="always"),
        Template(
            "A high school student preparing for college admission asks you to solve this.\n{{ question }}", options="always"
        ),
        Template("{{ options }}\nOne of them answers the problem that follows.\n{{ question }}", options="always"),
        Template("Problem (formulas may be written in LaTeX): {{ question }}", options="always"),
        Template("Which choice would you bubble in on the answer sheet?\n{{ question }}", options="always"),
        Template("No calculator for this part of the test. {{ question }}", options="always", cue="Choice:"),
        Template("Substitute, simplify or sketch, and then choose.\n{{ question }}", options="always"),
        Template("Functions, equations, geometry or data, this could be about any of them. {{ question }}", options="always"),
    ],
    lineage=["sat_math"],
    train=None,
    evaluation="test",
    licence="MIT",
    link="https://github.com/ruixiangcui/AGIEval",
)

math = Mixture(
    name="math",
    parts=[gsm8k, gsm8k_socratic, aqua_rat, math_qa, linear_1d, svamp, asdiv, mawps, multiarith],
    rate=proportional(cap=3000),
)

math_files = Mixture(
    name="math_files",
    parts=[addsub, singleeq, sat_math],
    rate=proportional(cap=3000),
)
