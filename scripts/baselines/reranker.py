#!/usr/bin/env python3
"""What transformers makes of the tiny cross-encoder that the tests of crates/rag/src/rerank.rs build: the numbers there
come from here.

usage: reranker.py

Every weight is computed from its name and place, so that both sides have the same without a file. Needs: pip install
torch transformers
"""

import math

import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "how", "long", "is", "the", "warranty", "two", "years", "pump", "open", "at", "eight"]
PAIRS = [
    ("how long is the warranty", "the warranty is two years"),
    ("how long is the warranty", "open at eight"),
    ("is the pump open", "unknown pump"),
]

config = BertConfig(
    vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
    max_position_embeddings=32, num_labels=1,
)
model = BertForSequenceClassification(config).eval()
state = model.state_dict()
for name, tensor in state.items():
    if not tensor.is_floating_point():
        continue
    values = [math.sin((place + 1) * 0.7 + len(name)) * 0.3 for place in range(tensor.numel())]
    if name.endswith("LayerNorm.weight"):
        values = [1 + value for value in values]
    state[name] = torch.tensor(values, dtype=torch.float32).reshape(tensor.shape)
model.load_state_dict(state)

number = {word: place for place, word in enumerate(WORDS)}
ids = lambda text: [number.get(word, 1) for word in text.split()]
for question, passage in PAIRS:
    first, second = [2, *ids(question), 3], [*ids(passage), 3]
    with torch.no_grad():
        logits = model(
            input_ids=torch.tensor([first + second]), token_type_ids=torch.tensor([[0] * len(first) + [1] * len(second)])
        ).logits
    print(f"{question!r} | {passage!r}: {logits[0, 0].item():.6f}")
