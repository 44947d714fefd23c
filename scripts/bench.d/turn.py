"""How well turns are taken, beside fixed silences: prints what `voce bench turn` measured as a table."""

import json

from programs import VOCE, NotMeasured, subprocess

# What is aimed at, whether it is met, and what is known about why not.
AIMS = [
    ("fewer than 3 % cut-offs", lambda r: r["cut_offs"] < 0.03 * r["turns"],
     "Smart Turn takes more than half of this material's pauses in mid-sentence for the end (`voce bench turn-models`), the "
     "words of many are whole so far, and of two whole sentences nobody can tell that the second comes"),
    ("median added wait under 250 ms", lambda r: r["wait_p50"] < 0.25,
     "a quick end waits for the words, and they take what the recogniser takes on this machine; without words there is no "
     "answer that could be heard earlier"),
    ("bot silent within 200 ms, p95", lambda r: r["stop_p95"] < 0.2, "speech is noticed too late"),
    ("no interruption by backchannels",
     lambda r: all(n == 0 for name, n, _ in r["false_interruptions"] if name == "Backchannel"),
     "in noise the recogniser makes sentences of them, or takes other voices for the caller's"),
]


def turn():
    """Figures of each strategy, in order."""
    run = subprocess.run([VOCE, "bench", "turn"], capture_output=True, text=True)
    if run.returncode != 0:
        raise NotMeasured(f"voce bench turn: {run.stderr.strip()}")
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def print_turn(strategies):
    share = lambda count, of: f"{count} of {of} ({count / max(of, 1):.1%})"
    milliseconds = lambda seconds: "-" if seconds is None else f"{seconds * 1e3:.0f} ms"
    pair = lambda result, name: f"{milliseconds(result[name + '_p50'])} / {milliseconds(result[name + '_p95'])}"
    false = lambda kind: lambda result: next(share(n, of) for name, n, of in result["false_interruptions"] if name == kind)
    by_kind = lambda kind: lambda result: next(share(n, of) for name, n, of in result["cut_offs_by_kind"] if name == kind)
    rows = [
        ("ended before the caller was done", lambda r: share(r["early_ends"], r["turns"])),
        ("... and the caller heard it: cut off", lambda r: share(r["cut_offs"], r["turns"])),
        ("cut off, without babble", lambda r: share(r["cut_offs_without_babble"], r["turns_without_babble"])),
        *((f"cut off, {kind}", by_kind(kind)) for kind, _, _ in strategies[0]["cut_offs_by_kind"]),
        ("ends later than 1.5 s", lambda r: share(r["late"], r["turns"])),
        ("ends missed within 3 s", lambda r: share(r["missed"], r["turns"])),
        ("added wait p50 / p95", lambda r: pair(r, "wait")),
        ("added wait, without babble",
         lambda r: f"{milliseconds(r['wait_p50_without_babble'])} / {milliseconds(r['wait_p95_without_babble'])}"),
        ("early answers used", lambda r: share(r["early_used"], r["early_begun"]) if r["early_begun"] else "-"),
        ("interruptions missed", lambda r: share(r["interruptions_missed"], r["interruptions"])),
        ("bot silent after onset p50 / p95", lambda r: pair(r, "stop")),
        *((f"stopped by: {kind}", false(kind)) for kind, _, _ in strategies[0]["false_interruptions"]),
        ("held for what was no interruption, p50", lambda r: milliseconds(r["held_p50"])),
    ]
    print(f"\nTurn-taking on {strategies[0]['turns']} spoken turns and sounds into the bot's speech")
    print(f"{'':<40}" + "".join(f"{result['strategy']:>22}" for result in strategies))
    for title, show in rows:
        print(f"{title:<40}" + "".join(f"{show(result):>22}" for result in strategies))
    ours = next(result for result in strategies if result["strategy"] == "voce")
    print()
    for aim, met, reason in AIMS:
        print(f"aim: {aim}: " + ("met" if met(ours) else f"NOT met, since {reason}"))
