"""How well and how fast passages are found, ours beside the usual Python stack, on the same passages and questions."""

import json
import subprocess

import retrieval_material
from programs import ENVIRONMENT, ROOT, VOCE, NotMeasured, last_json

THREADS = 2


def retrieval(cache):
    """Both in one run, one after the other."""
    file = str(retrieval_material.material(cache))
    ours = last_json([VOCE, "bench", "retrieval", "--threads", str(THREADS), file], ENVIRONMENT, timeout=1800)
    result = {"voce": ours, "theirs": None}
    python = cache + "/python/bench/bin/python"
    command = [python, str(ROOT / "scripts/baselines/retrieval.py"), "--threads", str(THREADS), file]
    try:
        result["theirs"] = last_json(command, timeout=1800)
    except (NotMeasured, OSError, subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        result["not_measured"] = str(error)
    return result


def print_retrieval(result):
    ours, theirs = result["voce"], result["theirs"]
    print(f"\nRetrieval: {ours['questions']} questions on {ours['passages']} passages of SQLite's manual (public domain);")
    print("half of the questions chose the settings, these are the others")
    print(f"  voce: {ours['name']}, beside: {theirs['name'] if theirs else 'nothing, ' + result['not_measured']}")
    print(f"  {'found by':<22} {'questions':>9}   {'recall@3':>8} {'MRR':>6}   {'theirs':>8} {'MRR':>6}")
    for by in ("dense", "sparse", "fused"):
        for group, quality in sorted(ours["quality"][by].items(), key=lambda pair: pair[0] != "all"):
            beside = theirs and theirs["quality"][by][group]
            figures = lambda one: f"{one['recall_at_3']:>8.3f} {one['mrr']:>6.3f}" if one else f"{'-':>8} {'-':>6}"
            title = by if group == "all" else f"  {group}"
            print(f"  {title:<22} {quality['questions']:>9}   {figures(quality)}   {figures(beside)}")
    print(f"  {'speed':<32}   {'voce':>10} {'theirs':>10} {'faster':>8}")
    rows = [(f"{by} question, {share}, ms", lambda one, by=by, share=share: one["query_ms"][by][share], False)
            for by in ("dense", "sparse", "fused") for share in ("p50", "p95")]
    rows.append(("passages ingested a second", lambda one: one["ingest_passages_per_second"], True))
    for title, figure, more_is_better in rows:
        mine, other = figure(ours), theirs and figure(theirs)
        ratio = "-" if not theirs else f"{mine / other if more_is_better else other / mine:.2f}x"
        print(f"  {title:<32}   {mine:>10.2f} {format(other, '.2f') if theirs else '-':>10} {ratio:>8}")
