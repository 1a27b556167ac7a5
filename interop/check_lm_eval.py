"""`lm-eval` measures a model through the gateway: generation by chat, and multiple choice by how likely answers are.

The second asks our server for its tokenizer, sends token ids, and reads the log-probabilities of an echo: no
tokenizer is installed or downloaded. KEY must be for one model only, since lm-eval names none when it asks for it.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from checks import Checks, arguments

SECONDS_MAX = 240
COUNT = 8
TASK = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
"""
CHOICE = """
output_type: multiple_choice
doc_to_text: "[INST]{{question}}[/INST]"
target_delimiter: ""
doc_to_choice: choices
doc_to_target: right
metric_list: [{metric: acc}]
"""
CHAT = """
output_type: generate_until
doc_to_text: question
doc_to_target: "{{choices[right]}}"
generation_kwargs: {until: [], max_gen_toks: 24, temperature: 0}
metric_list: [{metric: exact_match}]
"""


def questions(samples):
    """Known questions, each with its answer and those of two others; the right one moves about."""
    rows = [json.loads(line) for line in pathlib.Path(samples).read_text().splitlines()[:200]]
    known = {row["prompt"]: row["completion"] for row in rows}
    known = list(known.items())[:COUNT * 3]
    for number in range(COUNT):
        others = [known[number + COUNT][1], known[number + 2 * COUNT][1]]
        if known[number][1] in others:
            continue
        choices = others[:number % 3] + [known[number][1]] + others[number % 3:]
        yield {"question": known[number][0], "choices": choices, "right": number % 3}


def main():
    base_url, key, model, samples = arguments("check_lm_eval.py BASE_URL KEY MODEL SAMPLES.jsonl")
    checks = Checks("lm-eval")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rows = list(questions(samples))
        (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for name, rest in (("choice", CHOICE), ("chat", CHAT)):
            head = TASK.format(name=f"cocarde_{name}", data=json.dumps(str(folder / "test.jsonl")))
            (folder / f"{name}.yaml").write_text(head + rest)
        environment = os.environ | {
            "OPENAI_API_KEY": key, "HF_HOME": str(folder / "hf"), "HF_DATASETS_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

        def measure(kind, task, more, *words):
            url = f"{base_url.rstrip('/')}/v1/{'chat/' if 'chat' in kind else ''}completions"
            out = folder / task
            done = subprocess.run(
                [sys.executable, "-m", "lm_eval", "run", "--model", kind, "--tasks", task,
                 "--include_path", str(folder), "--output_path", str(out), "--model_args",
                 f"model={model},base_url={url},num_concurrent=2,max_retries=1,{more}", *words],
                env=environment, capture_output=True, text=True, timeout=SECONDS_MAX,
            )
            found = sorted(out.rglob("results*.json"))
            if done.returncode != 0 or not found:
                return None, done.stderr[-600:]
            return json.loads(found[-1].read_text())["results"][task], ""

        result, error = measure("local-completions", "cocarde_choice",
                                f"tokenizer_backend=remote,auth_token={key},max_length=64")
        right = result and result["acc,none"]
        checks.that(right is not None and right >= 0.75, f"multiple choice of {len(rows)} questions", right or error)
        result, error = measure("local-chat-completions", "cocarde_chat", "tokenizer_backend=None",
                                "--apply_chat_template")
        right = result and result["exact_match,none"]
        checks.that(right is not None and right >= 0.75, f"{len(rows)} answers by chat", right or error)
    checks.end()


if __name__ == "__main__":
    main()
