#!/usr/bin/env python3
"""Times sentence-transformers on the embedding model of the store, for comparison with ours.

usage: minilm.py [--threads N] [--repeat K] [--print-vectors] [TEXT...]

Prints one JSON: {"name", "median_seconds", "runs"}; a run embeds one text, the texts in turn. Needs: pip install
sentence-transformers
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from sentence_transformers import SentenceTransformer, models

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--repeat", type=int, default=50)
parser.add_argument("--print-vectors", action="store_true", help="add the vectors, to compare them with ours")
parser.add_argument("texts", nargs="*", default=["What is the warranty period for the water pump?"])
arguments = parser.parse_args()

torch.set_num_threads(arguments.threads)
cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
folder = Path(os.environ.get("VOCE_MODELS") or Path(cache) / "voce/models") / "all-minilm-l6-v2"
transformer = models.Transformer(str(folder), max_seq_length=256)
pooling = models.Pooling(384, pooling_mode="mean")
model = SentenceTransformer(modules=[transformer, pooling, models.Normalize()], device="cpu")

texts = arguments.texts
model.encode(texts)
runs = []
for repeat in range(arguments.repeat):
    begun = time.perf_counter()
    model.encode(texts[repeat % len(texts)])
    runs.append(time.perf_counter() - begun)
result = {"name": "sentence-transformers", "median_seconds": statistics.median(runs), "runs": runs}
if arguments.print_vectors:
    result["vectors"] = [[float(value) for value in vector] for vector in model.encode(texts)]
print(json.dumps(result))
