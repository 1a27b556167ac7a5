"""Receipts of a model's answers, verified by a page of Python: `check_answer.py BASE_URL VKEY TOKEN KEY MODEL QUORUM [WITNESS_VKEY...]`.

Asks the model, whole and as a stream, with `X-Cocarde-Receipt: 1`; fetches the receipt of each answer once its minute is
in the log, and lets `verify_proof.py` judge it against the very bytes that came. Then each is given with one bit flipped
and with each of its entries left out: none may hold.
"""

import hashlib
import json
import sys
import time
import urllib.error
import urllib.request

from checks import SECONDS_MAX, Checks, fetch

from verify_proof import verify_answer

# A minute until it closes, and half a minute for witnesses.
RECEIPT_S_MAX = 120


def ask(base_url, key, model, stream):
    """The id and the bytes of an answer."""
    body = {"model": model, "stream": stream, "max_tokens": 8, "messages": [{"role": "user", "content": "douze"}]}
    request = urllib.request.Request(f"{base_url}/v1/chat/completions", json.dumps(body).encode(), {
        "Authorization": f"Bearer {key}", "Content-Type": "application/json", "X-Cocarde-Receipt": "1",
    })
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=SECONDS_MAX) as answer:
        return answer.headers["X-Cocarde-Receipt"], answer.read()


def receipt_of(base_url, token, answer, wait):
    """The receipt, and whether it was refused as pending before."""
    deadline, pending = time.monotonic() + RECEIPT_S_MAX, False
    while True:
        try:
            return fetch(f"{base_url}/api/v1/receipts/{answer}{wait}", token).decode(), pending
        except urllib.error.HTTPError as error:
            code = json.loads(error.read())["code"]
            if code != "receipt-pending" or time.monotonic() > deadline:
                raise SystemExit(f"no receipt of {answer}: {code}") from None
            pending = True
            time.sleep(1)


def refused(text, *trust):
    try:
        verify_answer(text, *trust)
    except Exception:  # Whatever it is, it did not hold.
        return True
    return False


def main():
    if len(sys.argv) < 7:
        print("usage: check_answer.py BASE_URL VKEY TOKEN KEY MODEL QUORUM [WITNESS_VKEY...]", file=sys.stderr)
        sys.exit(2)
    base_url, vkey, token, key, model, quorum, *witnesses = sys.argv[1:]
    base_url, trust = base_url.rstrip("/"), (vkey, int(quorum), witnesses)
    wait = "?wait_final=true" if trust[1] else ""
    checks = Checks("answer")
    for stream in (False, True):
        answer, body = ask(base_url, key, model, stream)
        receipt, pending = receipt_of(base_url, token, answer, wait)
        proven = verify_answer(receipt, *trust)
        checks.that(proven["id"] == answer, "an answer is proven", f"{proven['country']}, {proven['operator']}")
        same = proven["sha256"] == "sha256:" + hashlib.sha256(body).hexdigest()
        checks.that(same, "and it is the one that came", f"{len(body)} bytes")
        checks.that(len(proven["model_digest"]) == 71, "with the model's digest", proven["model_digest"])
        checks.that(pending, "the receipt was not there before its minute was closed")
    # A witness whose line no longer bears its name is one witness fewer: here each that signed is needed.
    trust = (vkey, len(proven["witnesses"]), witnesses)
    flipped = found = 0
    inner = receipt.index('"answer"')
    for place, character in enumerate(receipt):
        if not character.isalnum() or place % (3 if place > inner else 31):
            continue
        changed = receipt[:place] + chr(ord(character) ^ 1) + receipt[place + 1:]
        # The label is for people; what is not part of the proof may change.
        if json_or_none(changed) and json_or_none(changed) | {"subject": ""} == json.loads(receipt) | {"subject": ""}:
            continue
        flipped += 1
        found += refused(changed, *trust)
    checks.that(flipped > 50 and found == flipped, "none holds with a flipped bit", f"{found} of {flipped}")
    entries = json.loads(receipt)["entries"]
    fewer = [json.loads(receipt) | {"entries": entries[:at] + entries[at + 1:]} for at in range(len(entries))]
    checks.that(all(refused(json.dumps(one), *trust) for one in fewer), "nor without one of its entries")
    checks.end()


def json_or_none(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


if __name__ == "__main__":
    main()
