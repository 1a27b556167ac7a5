"""Verifies a proof file offline: `verify_proof.py FILE LOG_VKEY QUORUM [WITNESS_VKEY...]`.

A page of Python that shares nothing with the platform: the standard library and Ed25519 from `cryptography`.
It follows C2SP tlog-proof, tlog-checkpoint, signed-note and tlog-cosignature, and RFC 6962. The file is a `.tlog-proof`
with its entry in the `extra` line, or the receipt of a model's answer (JSON): then the answer counts because it is under
a root that one of the entries names. Entries count only because their hashes lead to the root that the log and QUORUM
witnesses signed.
"""

import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG, WITNESS = b"\x01", b"\x04"


def decode(text):
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("base64 has one spelling only")
    return raw


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def read_key(vkey, algorithm):
    """Name, short id and public key of `name+id+base64`."""
    name, short_id, encoded = vkey.strip().split("+", 2)
    raw = decode(encoded)
    if raw[:1] != algorithm or len(raw) != 33:
        raise ValueError(f"`{vkey}` is a key of another kind")
    if sha256(name.encode(), b"\n", raw)[:4].hex() != short_id:
        raise ValueError(f"the id of `{vkey}` does not fit the key")
    return name, bytes.fromhex(short_id), Ed25519PublicKey.from_public_bytes(raw[1:])


def signatures(lines, key):
    """The signatures of one key, each bytes after its id."""
    name, short_id, _ = key
    for line in lines:
        dash, signer, encoded = line.split(" ")
        raw = decode(encoded)
        if dash == "\u2014" and signer == name and raw[:4] == short_id:
            yield raw[4:]


def root_of(index, size, leaf, path):
    """The root that an inclusion proof leads to (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        raise ValueError("the entry is not in a tree of this size")
    node, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the proof is too long")
        if node % 2 or node == last:
            root = sha256(b"\1", sibling, root)
            while node % 2 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            root = sha256(b"\1", root, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return root


def open_checkpoint(note, log_vkey, quorum, witness_vkeys):
    """Size, root and names of witnesses of a checkpoint that the log and enough witnesses signed."""
    body, lines = note.split("\n\n", 1)
    body, lines = body + "\n", lines.splitlines()
    log = read_key(log_vkey, LOG)
    own = list(signatures(lines, log))
    if not own:
        raise InvalidSignature("the log has not signed it")
    for signature in own:
        log[2].verify(signature, body.encode())
    origin, size, root = body.splitlines()
    if origin != log[0]:
        raise ValueError("this is of another log")
    names = set()
    for witness in (read_key(vkey, WITNESS) for vkey in witness_vkeys):
        for signature in signatures(lines, witness):
            time = int.from_bytes(signature[:8], "big")
            witness[2].verify(signature[8:], f"cosignature/v1\ntime {time}\n{body}".encode())
            names.add(witness[0])
    if len(names) < quorum:
        raise InvalidSignature(f"{len(names)} witnesses have cosigned it, {quorum} are needed")
    return int(size), decode(root), sorted(names)


def verify(text, log_vkey, quorum, witness_vkeys):
    """Index, entry, size and names of witnesses of a proof that holds; raises for any other."""
    head, note = text.split("\n\n", 1)
    header, extra, index, *path = head.split("\n")
    if header != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra ") or not index.startswith("index "):
        raise ValueError("this is not a proof that carries its entry")
    leaf, index = decode(extra[6:]), int(index[6:])
    size, root, names = open_checkpoint(note, log_vkey, quorum, witness_vkeys)
    if root_of(index, size, sha256(b"\0", leaf), [decode(line) for line in path]) != root:
        raise ValueError("the entry is not in the log")
    return index, leaf, size, names


def verify_answer(text, log_vkey, quorum, witness_vkeys):
    """What a receipt proves of a model's answer; raises for one that does not hold."""
    receipt = json.loads(text)
    if set(receipt) != {"format", "subject", "checkpoint", "entries", "answer"}:
        raise ValueError("a receipt of an answer has other fields")
    if receipt["format"] != "cocarde-receipt/v1":
        raise ValueError("this is a receipt of another version")
    size, root, names = open_checkpoint(receipt["checkpoint"], log_vkey, quorum, witness_vkeys)
    events = {}
    for entry in receipt["entries"]:
        leaf = decode(entry["leaf"])
        if root_of(entry["index"], size, sha256(b"\0", leaf), map(decode, entry["proof"])) != root:
            raise ValueError("an entry is not in the log")
        events[entry["index"]] = json.loads(leaf)["event"]
    inner = receipt["answer"]
    rollup = events[inner["entry"]]["usage"]["tokens"]
    leaf = decode(inner["leaf"])
    answers = rollup["answers"]
    found = root_of(inner["index"], answers["count"], sha256(b"\0", leaf), map(decode, inner["proof"]))
    if "sha256:" + found.hex() != answers["root"]:
        raise ValueError("the answer is not under the root of its minute")
    answer = json.loads(leaf)
    if answer["format"] != "cocarde-answer/v1" or any(answer[part] != rollup[part] for part in ("key", "endpoint")):
        raise ValueError("the answer is none of this minute")
    made = [events[position]["decision"]["made"] for position in rollup["decided"]]
    routes = [one for one in made if one["question"]["action"] == "serve" and one["decision"]["allowed"]]
    [site] = [one["question"]["site"] for one in routes if one["question"]["site"]["id"] == answer["site"]][:1]
    all_of = lambda kind, what: [event[kind][what] for event in events.values() if what in event.get(kind, {})]
    [endpoint] = [one for one in all_of("endpoint", "created") if one["id"] == answer["endpoint"]]
    [version] = [
        one["version"] for one in all_of("model", "version_added")
        if (one["version"]["id"], one["number"]) == (endpoint["model"], endpoint["model_version"])
    ]
    return {
        "id": answer["id"], "sha256": answer["sha256"], "country": site["country"], "operator": site["operator"],
        "model_digest": version["manifest"], "log_position": inner["entry"], "witnesses": names,
    }


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: verify_proof.py FILE LOG_VKEY QUORUM [WITNESS_VKEY...]")
    with open(sys.argv[1], encoding="utf-8") as file:
        given = file.read()
    trust = (sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    if given.startswith("{"):
        print("ok:", json.dumps(verify_answer(given, *trust)))
    else:
        at, entry, of, who = verify(given, *trust)
        print(f"ok: entry {at} of {of}, witnessed by {', '.join(who) or 'nobody'}: {entry.decode()}")
