"""The settings of training few weights, and what the papers of each method use."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

from flanjax import fields
from flanjax.fields import Count, Fraction, Positive, Whole


class Defaults(NamedTuple):
    """What a method's paper uses.

    Attributes:
      learning_rate: the peak of AdamW's.
      targets: patterns of what is adapted. Families have different names, so not every pattern matches in every model.
      keys: the fields of AdaptConfig that the method reads, besides learning_rate and init.
    """

    learning_rate: float
    targets: tuple[str, ...]
    keys: tuple[str, ...]


NORMS = ("*norm", "*norm/scale", "*norm/bias")

METHODS: Mapping[str, Defaults] = {
    # Hu et al. 2021, arXiv:2106.09685: the rate of GPT-2 and GPT-3, the rank of RoBERTa; queries and values.
    "lora": Defaults(
        2e-4,
        ("attention/q", "attention/v", "cross/q", "cross/v", "attention/qkv"),
        ("targets", "rank", "alpha", "rank_stabilized", "dora", "dropout", "int8"),
    ),
    # Liu et al. 2022, arXiv:2205.05638: T-Few.
    "ia3": Defaults(3e-3, ("attention/k", "attention/v", "cross/k", "cross/v", "attention/qkv", "mlp/wo"), ("targets", "int8")),
    # Houlsby et al. 2019, arXiv:1902.00751: the middle of the rates and sizes that they try.
    "adapter": Defaults(3e-4, ("attention/o", "cross/o", "mlp/wo"), ("targets", "bottleneck", "int8")),
    # Lester et al. 2021, arXiv:2104.08691: their rate, of an Adafactor whose updates have Adam's size.
    "prompt": Defaults(0.3, ("embedding",), ("tokens", "words", "int8")),
    # Li and Liang 2021, arXiv:2101.00190: table-to-text.
    "prefix": Defaults(5e-5, ("attention/o",), ("tokens", "hidden", "int8")),
    # Ben Zaken et al. 2021, arXiv:2106.10199 (BitFit): the middle of their rates; norms too, since a T5 has no other biases.
    "select": Defaults(4e-4, ("*bias", *NORMS), ("targets",)),
}
_TOKENS = {"prompt": 100, "prefix": 10}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaptConfig:
    """How few weights are trained; which method, `model.adapt` says. Defaults are those of the methods' papers.

    The optimizer is AdamW, whatever train.optimizer.name is: others scale an update by the weight, which begins at zero here.

    Args:
      learning_rate: the peak learning rate, instead of train.optimizer.learning_rate; none is the paper's: 2e-4 for lora, 3e-3
        for ia3, 3e-4 for adapter, 0.3 for prompt, 5e-5 for prefix, 4e-4 for select.
      targets: the parameters that lora, ia3, adapter and select change: patterns of the ends of their paths, such as
        attention/q, decoder/*/*/q or mlp/*. Empty is the paper's choice: queries and values for lora; keys, values and the
        MLP's inner activations for ia3; the outputs of attention and MLP for adapter; biases and norms for select (BitFit).
      rank: of lora's update.
      alpha: lora's update is multiplied by alpha / rank; none is the rank.
      rank_stabilized: lora's update is multiplied by alpha / sqrt(rank) instead (rsLoRA, Kalajdzievski 2023).
      dora: lora's update changes only the direction of a kernel's columns, and their lengths are learned beside it (DoRA, Liu
        et al. 2024).
      dropout: share of the inputs of lora's update that training drops.
      bottleneck: inner size of adapter.
      tokens: number of soft tokens of prompt (none is 100) or of places of prefix (none is 10). Rows become
        longer by it, except for prefix in a T5.
      words: text whose embeddings the soft tokens of prompt begin with, such as the labels of classes; repeated as often as it
        takes. Empty draws from the first 5,000 ids of the vocabulary.
      hidden: inner size of the MLP that makes the keys and values of prefix while training; 0 trains them directly.
      int8: the kernels of the weights that stay are held as eight-bit numbers with a scale for each column: a quarter of the
        memory, and rounded. Embeddings and the head stay as they are. Not for select.
      init: a directory in Hugging Face's peft format whose weights training begins with; none begins without an effect.
    """

    learning_rate: Positive | None = None
    targets: tuple[str, ...] = ()
    rank: Count = 8
    alpha: Positive | None = None
    rank_stabilized: bool = False
    dora: bool = False
    dropout: Fraction = 0.0
    bottleneck: Count = 64
    tokens: Count | None = None
    words: str = ""
    hidden: Whole = 512
    int8: bool = False
    init: str | None = None

    def __post_init__(self) -> None:
        fields.check(self)

    def check_for(self, method: str | None) -> None:
        """Raises FieldError if a key is set that the method does not read."""
        read = {"learning_rate", "init", *METHODS[method].keys} if method else set()
        for field in dataclasses.fields(self):
            unused = field.name not in read and getattr(self, field.name) != field.default
            by = ", ".join(name for name, found in METHODS.items() if field.name in found.keys) or "every model.adapt"
            expected = f"{fields.shown(field.default)}: it belongs to {by}, and model.adapt is {method or 'none'}"
            fields.require(not unused, self, field.name, expected)

    def num_tokens(self, method: str) -> int:
        """Returns the number of soft tokens or of places before the keys."""
        return self.tokens or _TOKENS[method]

    def rate(self, method: str) -> float:
        """Returns the peak learning rate."""
        return self.learning_rate or METHODS[method].learning_rate
