"""Whole turns: a row without a counterpart in Python."""

import statistics
import tempfile

from programs import ENVIRONMENT, ROOT, VOCE, NotMeasured, last_json, subprocess

QUESTIONS = ["warranty_af_heart", "hours_am_michael", "filter_bf_emma", "q4", "q9"]
# Waits between the end of the caller's speech and the first sample of the answer, in order.
STAGES = [
    ("end of turn decided", "end_of_turn_seconds"),
    ("retrieval", "retrieval_seconds"),
    ("language model, first token", "llm_first_token_seconds"),
    ("first line complete", "first_line_seconds"),
    ("voice, first sound", "tts_first_audio_seconds"),
]


def both():
    """With early answers, and beside it the same questions without, in one run."""
    return {**talk(), "without_early_answers": talk(early=False)}


def talk(early=True):
    """Medians over five spoken questions on the demo documents, models embedded; seconds."""
    sounds = [str(ROOT / f"crates/testkit/audio/{name}.wav") for name in QUESTIONS]
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **ENVIRONMENT,
            "VOCE_KNOWLEDGE__PATH": folder + "/knowledge",
            "VOCE_LISTENING__EARLY": str(early).lower(),
        }
        read = subprocess.run(
            [VOCE, "ingest", str(ROOT / "config/knowledge")], env=environment, capture_output=True, text=True
        )
        if read.returncode != 0:
            raise NotMeasured(f"voce ingest: {read.stderr.strip()}")
        turns = last_json([VOCE, "talk", *sounds, "--out", folder + "/answer.wav", "--json"], environment)["turns"]
    median = lambda key: statistics.median(turn.get(key) or 0 for turn in turns)
    stages = {title: median(key) for title, key in STAGES}
    rest = lambda turn: turn["voice_to_voice_seconds"] - sum(turn.get(key) or 0 for _, key in STAGES)
    stages["rest (waits for the text)"] = statistics.median(rest(turn) for turn in turns)
    return {
        "median_seconds": median("voice_to_voice_seconds"),
        "runs": [turn["voice_to_voice_seconds"] for turn in turns],
        "stages": stages,
        "stt_seconds": median("stt_seconds"),
        "turns": turns,
    }
