"""Models: NNX modules that hold only the mathematics.

A model maps a batch of integers to logits. It knows no mesh, loss, tokenizer or text: every parameter names its logical axes,
and the caller, who has a mesh, decides how these are split. Import the modules themselves; this package imports nothing.

  t5.py                  T5, T5 v1.1, Flan-T5 and mT5: one module, one config; teacher-forced and one token at a time
  t5_config.py           its frozen config, and the published sizes by name
  t5_layers.py           its encoder and decoder layers, scanned or unrolled
  decoder.py             Llama, Mistral, Qwen, Gemma and GPT-NeoX: one module; packed rows, cached prompts, steps
  decoder_config.py      its frozen config, and the published sizes by name
  decoder_layers.py      its layer: norms, projections of grouped attention, one residual or two
  kernels.py             where models multiply by kernels, and what may take a kernel's place
  params.py              trainable and frozen parameters: how a tree is split and joined
  layers.py              the parts of layers: projections, gated MLP, norms, dropout
  stack.py               a stack of layers, scanned or unrolled, and what the backward pass recomputes
  attention/             attention over packed rows, the kernels for it, and the choice between them
  rope.py                rotary position embedding
  functional.py          a model as pure functions over a plain dict of arrays, which is what training sees
"""
