"""Chains of thought: the words that ask for reasoning, and those that join the reasoning and the answer."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class ChainOfThought:
    """How reasoning is asked for and written.

    Args:
      request: asks for the reasoning.
      bridge: stands between the reasoning and the answer, or between the answer and the reasoning.
      order: "reason first"; "answer first"; or "answer only", which asks for no reasoning although the data has it.
      request_first: whether the request stands before the question, not after it.

    >>> ChainOfThought("Think it through.", "So the answer is").target("Half of 8 is 4", "4")
    'Half of 8 is 4. So the answer is 4.'
    """

    request: str
    bridge: str = ""
    order: Literal["reason first", "answer first", "answer only"] = "reason first"
    request_first: bool = False

    def __post_init__(self) -> None:
        if self.order not in ("reason first", "answer first", "answer only"):
            raise ValueError(
                f"ChainOfThought.order is {self.order!r}, expected 'reason first', 'answer first' or 'answer only'"
            )
        if not self.bridge and self.order != "answer only":
            raise ValueError(f"ChainOfThought({self.request!r}) has no bridge, so an answer could not be told from its reasons")

    def asked(self, question: str) -> str:
        if not self.request:
            return question
        return f"{self.request}\n{question}" if self.request_first else f"{question}\n{self.request}"

    def target(self, rationale: str, answer: str) -> str:
        reasons = rationale.strip()
        if self.order == "answer only":
            return answer
        if self.order == "answer first":
            return f"{_ended(answer)} {self.bridge} {reasons}".strip() if reasons else answer
        ended = f"{_ended(reasons)} " if reasons else ""
        return f"{ended}{self.bridge} {answer.rstrip('.')}."


def _ended(text: str) -> str:
    text = text.rstrip(" ,;:")
    return text if text[-1:] in ".!?" else f"{text}."


def _first(request: str, bridge: str) -> ChainOfThought:
    return ChainOfThought(request, bridge, request_first=True)


def _answer_first(request: str, bridge: str) -> ChainOfThought:
    return ChainOfThought(request, bridge, order="answer first")


CHAINS_OF_THOUGHT = (
    ChainOfThought("Reason step by step before you answer.", "So the answer is"),
    ChainOfThought("Explain your thinking first, then give the answer.", "Therefore, the answer is"),
    ChainOfThought("Work it out in steps.", "The final answer is"),
    ChainOfThought("Give your reasons and then the answer.", "Hence the answer is"),
    ChainOfThought("Think it through before you decide.", "That is why the answer is"),
    ChainOfThought("Show how you get to your answer.", "This gives the answer:"),
    ChainOfThought("First write down your reasoning.", "Answer:"),
    ChainOfThought("Justify your answer before you state it.", "As a result, the answer is"),
    ChainOfThought("Take this one step at a time.", "In the end, the answer is"),
    ChainOfThought("How do you know? Reason first, and finish with the answer.", "I conclude that the answer is"),
    ChainOfThought("Please reason aloud.", "So my answer is"),
    ChainOfThought("Derive the answer.", "It follows that the answer is"),
    ChainOfThought("Begin with an explanation and end with the answer.", "For these reasons, the answer is"),
    ChainOfThought("Let us think about this carefully.", "All in all, the answer is"),
    ChainOfThought("Write your train of thought, then the result.", "Result:"),
    ChainOfThought("Before answering, explain what speaks for your answer.", "Thus the answer is"),
    ChainOfThought("Lay out the steps that lead to the answer.", "Putting this together, the answer is"),
    ChainOfThought("What is the reasoning, and what is the answer?", "The answer, then, is"),
    ChainOfThought("Don't rush: explain first, answer last.", "So, the answer is"),
    ChainOfThought("Reasoning:", "Final answer:"),
    ChainOfThought("Explanation, then answer:", "The answer is therefore"),
    _first("Solve the following by reasoning step by step.", "So the final answer is"),
    _first("Answer the question below, but explain your reasoning first.", "Given all this, the answer is"),
    _first("Think before you answer, and write your thoughts down.", "My final answer is"),
    _first("Read this, reason about it, and finish with an answer.", "Accordingly, the answer is"),
    _first("You will be asked something. Give the reasons before the answer.", "Consequently, the answer is"),
    _first("Here is a question. Work towards its answer in small steps.", "This means that the answer is"),
    _first("Your reply should consist of an explanation and, at its end, the answer.", "To sum up, the answer is"),
    _first("Use logic and what you know, and write out how.", "By this reasoning, the answer is"),
    _answer_first("Answer first, then explain.", "Explanation:"),
    _answer_first("Give the answer and say why it is right.", "The reason:"),
    _answer_first("State your answer, followed by your reasoning.", "Reasoning:"),
    _answer_first("What is the answer, and why?", "Here is why:"),
    _answer_first("Answer, and then justify your answer.", "Justification:"),
    _answer_first("Reply with the answer and an explanation after it.", "This is because of the following."),
    _answer_first("Begin with the answer. Then give the steps that lead to it.", "Steps:"),
    ChainOfThought("Give only the answer, without an explanation.", order="answer only"),
    ChainOfThought("Do not explain. Just answer.", order="answer only"),
    ChainOfThought("Answer directly, with no reasoning.", order="answer only"),
    ChainOfThought("No explanation is needed.", order="answer only"),
)
