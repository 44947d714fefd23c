"""Prompt and generation speed of llama.cpp on a GGUF file, as one line of JSON. Needs: pip install llama-cpp-python."""
import sys

# This file has the name of the module: its folder must not be searched.
sys.path.pop(0)
import argparse
import json
import os
import statistics
import time

from llama_cpp import Llama

SENTENCE = "The water pump has a warranty of two years from the date of purchase. Keep the receipt. "
STORE = os.environ.get("VOCE_MODELS", os.path.expanduser("~/.cache/voce/models"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--prompt-file")
    parser.add_argument("--new-tokens", type=int, default=40)
    parser.add_argument("--model", default=f"{STORE}/smollm2-135m-instruct/model.gguf")
    arguments = parser.parse_args()
    prompt = open(arguments.prompt_file).read() if arguments.prompt_file else SENTENCE * 9
    model = Llama(arguments.model, n_ctx=2048, n_batch=512, verbose=False,
                  n_threads=arguments.threads, n_threads_batch=arguments.threads)
    tokens = model.tokenize(prompt.encode(), add_bos=False, special=True)
    model.eval(tokens[:8])
    prompt_speeds, generation_speeds = [], []
    for _ in range(arguments.repeat):
        model.reset()
        start = time.perf_counter()
        model.eval(tokens)
        prompt_speeds.append(len(tokens) / (time.perf_counter() - start))
        start = time.perf_counter()
        for _ in range(arguments.new_tokens):
            model.eval([model.sample(temp=0.0)])
        generation_speeds.append(arguments.new_tokens / (time.perf_counter() - start))
    print(json.dumps({
        "name": "llama.cpp",
        "threads": arguments.threads,
        "prompt_tokens": len(tokens),
        "prompt_tokens_per_second": statistics.median(prompt_speeds),
        "generated_tokens": arguments.new_tokens,
        "generated_tokens_per_second": statistics.median(generation_speeds),
    }))


if __name__ == "__main__":
    main()
