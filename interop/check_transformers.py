"""The trained model is the same model in `transformers`: same token ids, logits and greedy tokens.

Reads what `cocarde lm logits` printed for the prompts and computes the same with PyTorch in f32.
"""

import json
import pathlib

from checks import Checks, arguments

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

DIFFERENCE_MAX = 1e-3
PROMPTS_MIN = 50


def greedy(model, ids, count):
    """The next `count` most likely tokens, each from a full pass: no cache to be wrong in."""
    ids, new = list(ids), []
    for _ in range(count):
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        new.append(int(logits.argmax()))
        ids.append(new[-1])
    return new


def main():
    folder, file = arguments("check_transformers.py MODEL_DIR LOGITS.json")
    checks = Checks("transformers")
    torch.manual_seed(0)
    prompts = json.loads(pathlib.Path(file).read_text())["prompts"]
    checks.that(len(prompts) >= PROMPTS_MIN, f"at least {PROMPTS_MIN} prompts", len(prompts))
    checks.that(len({p["text"] for p in prompts}) == len(prompts), "all different")

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model, loading = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, output_loading_info=True,
        attn_implementation="eager",
    )
    model.eval()
    size = sum(p.numel() for p in model.parameters())
    checks.that(True, f"{type(model).__name__} loads", f"{size:,} parameters")
    wrong = {kind: keys for kind, keys in loading.items() if keys}
    checks.that(not wrong, "no weight is missing, unexpected or of another shape", wrong)

    ids_same = tokens_same = tokens = 0
    worst, largest = 0.0, 0.0
    for prompt in prompts:
        ids = prompt["token_ids"]
        # What the chat adds around the text, if anything, is not the tokenizer's affair.
        ids_same += tokenizer(prompt["text"]).input_ids == ids
        with torch.no_grad():
            theirs = model(torch.tensor([ids])).logits[0, -1]
        ours = torch.tensor(prompt["last_logits"], dtype=torch.float32)
        if ours.shape != theirs.shape:
            checks.that(False, "as many logits as the vocabulary has", (ours.shape, theirs.shape))
            break
        worst = max(worst, float((ours - theirs).abs().max()))
        largest = max(largest, float(theirs.abs().max()))
        tokens_same += greedy(model, ids, len(prompt["greedy"])) == prompt["greedy"]
        tokens += len(prompt["greedy"])
    checks.that(ids_same == len(prompts), "the same token ids", f"{ids_same} of {len(prompts)}")
    checks.that(
        worst <= DIFFERENCE_MAX,
        f"logits differ by at most {DIFFERENCE_MAX}", f"{worst:.2e}, the largest is {largest:.1f}",
    )
    checks.that(largest > 0, "the logits are not all zero")
    checks.that(
        tokens_same == len(prompts) and tokens >= len(prompts),
        "the same greedy tokens", f"{tokens_same} of {len(prompts)} prompts, {tokens} tokens",
    )
    checks.end()


if __name__ == "__main__":
    main()
