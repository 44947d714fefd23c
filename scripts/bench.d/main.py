"""Measures the rows and prints the table. Started by scripts/bench, which installs what is needed."""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile

import judge
import retrieval
import talk
import telemetry
import turn
from programs import ROOT, VOCE, NotMeasured, baseline, last_json, subprocess, voce

AUDIO = ROOT / "crates/testkit/audio"
SOUND = str(AUDIO / "q4.wav")
QUESTION = "What is the warranty period for the water pump?"
ANSWER = "The water pump has a warranty of two years from the date of purchase."


def rows(cache):
    """Ours, its thread counts unless told, and what stands beside it: name, title and theirs. Ours and theirs are
    functions of the threads and give seconds."""
    seconds = lambda result: result["median_seconds"]
    window = lambda result: result["median_seconds"] / result["chunks"]
    theirs = lambda name, repeat, *inputs: lambda threads: seconds(baseline(cache, name, threads, repeat, *inputs))
    ours = lambda what, repeat, text: lambda threads: seconds(voce(what, threads, repeat, text))
    # pipecat fixes Silero to one thread.
    return [
        (ours("silero", 5, SOUND), [1], [
            ("silero", "Silero, 32 ms window | pipecat",
             lambda threads: window(baseline(cache, "silero", 1, 5, SOUND)))]),
        (ours("smart-turn", 3, SOUND), [1, 2], [
            ("smart-turn", "Smart Turn v3.2 | pipecat", theirs("smart_turn", 3, SOUND))]),
        (ours("stt", 1, SOUND), [2], [
            ("moonshine", "Moonshine base, 4.7 s | onnxruntime", theirs("moonshine", 1, SOUND)),
            ("whisper", "Moonshine base | faster-whisper tiny.en", theirs("faster_whisper", 1, SOUND))]),
        (ours("embed", 20, QUESTION), [1, 2], [
            ("minilm", "MiniLM, a question | sentence-transformers", theirs("minilm", 20, QUESTION))]),
        (ours("tts", 1, ANSWER), [2], [
            ("kokoro", "Kokoro, same phonemes | kokoro-onnx",
             lambda threads: seconds(baseline(cache, "kokoro", threads, 1, "--phonemes", spelled(), ANSWER))),
            ("kokoro-whole", "Kokoro, text to sound | kokoro-onnx", theirs("kokoro", 1, "--whole", ANSWER))]),
    ]


def spelled():
    """Our phonemes of the answer."""
    if not hasattr(spelled, "kept"):
        with tempfile.TemporaryDirectory() as folder:
            spelled.kept = last_json([VOCE, "say", ANSWER, "--out", folder + "/say.wav", "--json"])["spelled"]
    return spelled.kept


def alternate(rounds, ours, theirs):
    """Runs ours and then each of theirs, `rounds` times. Returns our figures, and for each of theirs its figures and
    the reason if it cannot run."""
    mine, others, reasons = [], [[] for _ in theirs], [None for _ in theirs]
    for _ in range(rounds):
        mine.append(ours())
        for index, run in enumerate(theirs):
            if reasons[index] is None:
                try:
                    others[index].append(run())
                except (NotMeasured, subprocess.TimeoutExpired) as error:
                    reasons[index] = str(error)
    return mine, list(zip(others, reasons))


def machine():
    try:
        lines = open("/proc/cpuinfo").read().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return {"cpu": model, "cores": os.cpu_count(), "load": load()}


def load():
    return round(os.getloadavg()[0], 1)


def milliseconds(value):
    return f"{value * 1e3:.3f} ms" if value < 0.001 else f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def line(title, threads, mine, others, ratio):
    print(f"{title:<44} {threads:>7} {mine:>11} {others:>11} {ratio:>7} {load():>5}", flush=True)


def report(title, threads, mine, others, reason, show, more_is_better=False):
    result = {"row": title, "threads": threads, "voce": mine, "theirs": others, "load": load()}
    if reason:
        line(title, threads, show(statistics.median(mine)), "-", "-")
        print(f"{'':<44} not measured: {reason}")
        return {**result, "not_measured": reason}
    pairs = [ours / theirs if more_is_better else theirs / ours for ours, theirs in zip(mine, others)]
    ratio = statistics.median(pairs)
    line(title, threads, show(statistics.median(mine)), show(statistics.median(others)), f"{ratio:.2f}x")
    return {**result, "times_as_fast": ratio}


def language_model(cache, threads, rounds):
    """Prompt and generation in one go, as both programs report both."""
    ours = lambda: voce("llm", threads, 1)
    theirs = lambda: baseline(cache, "llama_cpp", threads, 1, venv="llama")
    mine, [(others, reason)] = alternate(rounds, ours, [theirs])
    show = lambda value: f"{value:.0f} tok/s"
    for title, key in [("prompt", "prompt_tokens_per_second"), ("generation", "generated_tokens_per_second")]:
        figures = [run[key] for run in mine], [run[key] for run in others]
        yield report(f"SmolLM2 135M, {title} | llama.cpp", threads, *figures, reason, show, True)


def print_talk(result):
    print("\nWhole turns, models embedded, five spoken questions: end of speech to first sample of the answer")
    print(f"  {'median':<34} {milliseconds(result['median_seconds']):>10}     of {len(result['runs'])}: "
          + ", ".join(milliseconds(run) for run in result["runs"]))
    for title, seconds in result["stages"].items():
        print(f"  {title:<34} {milliseconds(seconds):>10} {seconds / result['median_seconds']:>6.0%}")
    print(f"  (speech to text took {milliseconds(result['stt_seconds'])}; what is begun early overlaps the wait for the end of the turn)")
    late = result["without_early_answers"]
    saved = late["median_seconds"] - result["median_seconds"]
    print(f"  {'without early answers':<34} {milliseconds(late['median_seconds']):>10}     of {len(late['runs'])}: "
          + ", ".join(milliseconds(run) for run in late["runs"]))
    print(f"  {'saved by answering early':<34} {milliseconds(saved):>10} {saved / late['median_seconds']:>6.0%}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--cache", required=True)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    table = rows(arguments.cache)
    known = [row[0] for _, _, beside in table for row in beside] + ["llm", "talk", "telemetry"]
    wanted = [name for name in arguments.only.split(",") if name] or known
    if unknown := set(wanted) - {*known, "judge", "retrieval", "turn"}:
        sys.exit(f"scripts/bench: {', '.join(sorted(unknown))}: none of {', '.join(known)}, judge, retrieval, turn")
    if arguments.repeat < 1:
        sys.exit("scripts/bench: --repeat must be at least 1")
    counts = [int(count) for count in arguments.threads.split(",") if count]

    about = machine()
    print(f"{about['cpu']}, {about['cores']} cores, load {about['load']} before the first run")
    print(f"medians of {arguments.repeat} rounds, ours and theirs in turn; times faster: median over the rounds\n")
    if set(wanted) - {"judge", "retrieval", "talk", "telemetry", "turn"}:
        print(f"{'what | beside':<44} {'threads':>7} {'voce':>11} {'theirs':>11} {'faster':>7} {'load':>5}")
    results = {"machine": about, "rounds": arguments.repeat, "rows": []}
    for ours, usual, beside in table:
        beside = [row for row in beside if row[0] in wanted]
        for threads in (usual if usual == [1] else counts or usual) if beside else []:
            theirs = [lambda run=run: run(threads) for _, _, run in beside]
            mine, others = alternate(arguments.repeat, lambda: ours(threads), theirs)
            for (_, title, _), (figures, reason) in zip(beside, others):
                results["rows"].append(report(title, threads, mine, figures, reason, milliseconds))
    if "llm" in wanted:
        for threads in counts or [1, 2]:
            results["rows"].extend(language_model(arguments.cache, threads, arguments.repeat))
    others = [
        ("talk", talk.both, print_talk),
        ("telemetry", telemetry.telemetry, telemetry.print_telemetry),
        ("judge", judge.judge, judge.print_judge),
        ("retrieval", lambda: retrieval.retrieval(arguments.cache), retrieval.print_retrieval),
        ("turn", turn.turn, turn.print_turn),
    ]
    for name, measure, show in others:
        if name in wanted:
            results[name] = measure()
            show(results[name])
    loads = [about["load"], load(), *(row["load"] for row in results["rows"])]
    print(f"\nload {load()} after the last run")
    if max(loads) > about["cores"] + 0.5:
        print(f"NOTE: load went to {max(loads)} on {about['cores']} cores: other programs ran too. Rows with a thread for every "
              "core then say more about waiting than about speed; measure again on an idle machine.")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    try:
        main()
    except NotMeasured as error:
        sys.exit(f"scripts/bench: {error}")
