"""Ways of training few weights over a model whose own weights stay as they are.

Each makes a Tuning (flanjax/models/params.py): how a model's tree is split into trainable and frozen parameters, and how both
are joined again. What is learned stands beside a kernel, in a value that takes the kernel's place.

config.py    AdaptConfig: the keys `adapt.*`, and what the papers use
targets.py   which parameters are adapted: patterns of paths
added.py     the Tuning of all methods that add parameters
lora.py      low-rank updates of kernels (Hu et al. 2021), also rank-stabilised
ia3.py       scaled keys, values and inner activations (Liu et al. 2022)
adapter.py   bottleneck adapters after each part of a layer (Houlsby et al. 2019)
prompt.py    soft tokens before the inputs (Lester et al. 2021)
prefix.py    keys and values before those of every layer (Li and Liang 2021)
methods.py   the Tuning of a config
"""
