#!/usr/bin/env python3
"""Measures the usual Python stack on the passages and questions of `scripts/bench retrieval`, for comparison with ours:
sentence-transformers, fastembed's BM25 and qdrant-client with its store in this process.

usage: retrieval.py [--threads N] FILE

Prints one JSON with the names of `voce bench retrieval`. Needs: pip install sentence-transformers qdrant-client fastembed
(scikit-learn comes with the first; its list of stop words stands in for the one that fastembed would fetch).
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from fastembed.sparse.bm25 import Bm25
from qdrant_client import QdrantClient, models as q
from sentence_transformers import SentenceTransformer, models
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

LIMIT, DEPTH = 10, 40

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("file")
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)

cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
folder = Path(os.environ.get("VOCE_MODELS") or Path(cache) / "voce/models") / "all-minilm-l6-v2"
transformer = models.Transformer(str(folder), max_seq_length=256)
pooling = models.Pooling(384, pooling_mode="mean")
model = SentenceTransformer(modules=[transformer, pooling, models.Normalize()], device="cpu")

words_folder = tempfile.TemporaryDirectory()
Path(words_folder.name, "english.txt").write_text("\n".join(sorted(ENGLISH_STOP_WORDS)))
# Passages have 75 words, half of them stop words.
words = Bm25("Qdrant/bm25", specific_model_path=words_folder.name, avg_len=40.0)

lines = [json.loads(line) for line in Path(arguments.file).read_text().splitlines()]
passages = [line for line in lines if "passage" in line]
questions = [line for line in lines if "question" in line]

client = QdrantClient(":memory:")
client.create_collection(
    "bench",
    vectors_config={"dense": q.VectorParams(size=384, distance=q.Distance.COSINE)},
    sparse_vectors_config={"words": q.SparseVectorParams(modifier=q.Modifier.IDF)},
)
model.encode(["The first text is slow."])
begun = time.perf_counter()
texts = [line["passage"] for line in passages]
dense = model.encode(texts, batch_size=32)
sparse = list(words.embed(texts))
client.upsert("bench", [
    q.PointStruct(
        id=number, payload=line,
        vector={"dense": dense[number].tolist(),
                "words": q.SparseVector(indices=sparse[number].indices.tolist(), values=sparse[number].values.tolist())},
    )
    for number, line in enumerate(passages)
])
rate = len(passages) / (time.perf_counter() - begun)


def vectors(question, by):
    meaning = None if by == "sparse" else model.encode([question])[0].tolist()
    if by == "dense":
        return meaning, None
    asked = next(iter(words.query_embed(question)))
    return meaning, q.SparseVector(indices=asked.indices.tolist(), values=asked.values.tolist())


def found(question, by):
    meaning, asked = vectors(question, by)
    if by == "fused":
        answer = client.query_points("bench", query=q.FusionQuery(fusion=q.Fusion.RRF), limit=LIMIT, prefetch=[
            q.Prefetch(query=meaning, using="dense", limit=DEPTH), q.Prefetch(query=asked, using="words", limit=DEPTH)])
    else:
        answer = client.query_points("bench", query=meaning if by == "dense" else asked,
                                     using="dense" if by == "dense" else "words", limit=LIMIT)
    return [point.payload["source"] for point in answer.points]


quality, query_ms = {}, {}
for by in ("dense", "sparse", "fused"):
    times, groups = [], {}
    for line in questions:
        begun = time.perf_counter()
        sources = found(line["question"], by)
        times.append((time.perf_counter() - begun) * 1e3)
        place = next((place for place, source in enumerate(sources) if source in line["sources"]), None)
        for group in (["all", line["group"]] if line["half"] == "print" else ["held out"]):
            groups.setdefault(group, []).append(place)
    quality[by] = {
        group: {
            "questions": len(places),
            "recall_at_3": statistics.mean(place is not None and place < 3 for place in places),
            "mrr": statistics.mean(0 if place is None else 1 / (place + 1) for place in places),
        }
        for group, places in groups.items()
    }
    times.sort()
    query_ms[by] = {"p50": times[len(times) // 2], "p95": times[len(times) * 95 // 100]}

print(json.dumps({
    "name": "sentence-transformers + fastembed + qdrant-client", "passages": len(passages),
    "questions": sum(line["half"] == "print" for line in questions), "ingest_passages_per_second": rate,
    "quality": quality, "query_ms": query_ms,
}))
