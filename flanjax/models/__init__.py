"""Models: NNX modules that are mathematics only.

A model maps a batch of integers to logits. It knows no mesh, loss, tokenizer or text: every parameter names its logical axes,
and a caller that has a mesh decides what they mean. Import the modules themselves; this package imports nothing.

  t5.py          T5, T5 v1.1, Flan-T5 and mT5: one module, one config; teacher-forced and one token at a time
  t5_config.py   its frozen config, and the published sizes by name
  t5_layers.py   its encoder and decoder layers, scanned or unrolled
  layers.py      what layers are made of: projections, gated MLP, norm, dropout
  attention.py   attention over packed rows, behind one function
  relative.py    T5's relative position bias
  functional.py  a model as pure functions over a plain dict of arrays, which is what training sees
  hf.py          Hugging Face directories, read and written without torch
"""
