"""Models: NNX modules that are mathematics only.

A model maps a batch of integers to logits. It knows no mesh, loss, tokenizer or text: every parameter names its logical axes,
and a caller that has a mesh decides what they mean. Import the modules themselves; this package imports nothing.

  t5.py                  T5, T5 v1.1, Flan-T5 and mT5: one module, one config; teacher-forced and one token at a time
  t5_config.py           its frozen config, and the published sizes by name
  t5_layers.py           its encoder and decoder layers, scanned or unrolled
  decoder.py             Llama, Mistral, Qwen, Gemma and GPT-NeoX: one module; packed rows, cached prompts, steps
  decoder_config.py      its frozen config, and the published sizes by name
  decoder_layers.py      its layer: norms, projections of grouped attention, one residual or two
  layers.py              what layers are made of: projections, gated MLP, norms, dropout
  stack.py               a stack of layers, scanned or unrolled, and what of it is recomputed
  attention.py           attention over packed rows, behind one function
  attention_choice.py    which kernel stands in for it where, and why: attention_splash.py, _relative.py or _hopper.py
  attention_backend.py   the one that a model on certain devices is given
  relative.py            T5's relative position bias
  rope.py                rotary position embedding
  functional.py          a model as pure functions over a plain dict of arrays, which is what training sees
"""
