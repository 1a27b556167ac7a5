"""Proof files, verified by a page of Python: `check_proof.py BASE_URL VKEY TOKEN QUORUM [WITNESS_VKEY...]`.

Fetches the proof of some entries as `.tlog-proof`, and lets `verify_proof.py` judge them. Then each is given with
one bit flipped, with one witness too few, and with another log's key: none may hold.
"""

import sys

from checks import Checks, fetch

from verify_proof import verify


def refused(text, *trust):
    try:
        verify(text, *trust)
    except Exception:  # Whatever it is, it did not hold.
        return True
    return False


def main():
    if len(sys.argv) < 5:
        print("usage: check_proof.py BASE_URL VKEY TOKEN QUORUM [WITNESS_VKEY...]", file=sys.stderr)
        sys.exit(2)
    base_url, vkey, token, quorum, *witnesses = sys.argv[1:]
    quorum, base_url = int(quorum), base_url.rstrip("/")
    checks = Checks("proof")
    size = int(fetch(f"{base_url}/log/checkpoint", token).decode().splitlines()[1])
    wait = "?wait_final=true" if quorum else ""
    text = needed = None
    for index in sorted({0, 1, size // 3, size // 2, size - 1}):
        text = fetch(f"{base_url}/log/proof/{index}{wait}", token).decode()
        at, entry, _, names = verify(text, vkey, quorum, witnesses)
        checks.that(at == index and entry.startswith(b"{"), f"entry {index} is proven", f"{len(names)} witnesses")
        needed = len(names)
    flipped = found = 0
    for place, character in enumerate(text):
        if character in "\n \u2014" or place % 7:
            continue
        changed = text[:place] + chr(ord(character) ^ 1) + text[place + 1:]
        flipped += 1
        found += refused(changed, vkey, needed, witnesses)
    checks.that(flipped > 50 and found == flipped, "none holds with a flipped bit", f"{found} of {flipped}")
    checks.that(refused(text, vkey, needed + 1, witnesses), "nor with a witness too few")
    if witnesses:
        other = vkey.replace("+", "x+", 1)
        checks.that(refused(text, other, quorum, witnesses), "nor with another log's key")
    checks.end()


if __name__ == "__main__":
    main()
