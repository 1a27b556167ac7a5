"""Verifies a `.tlog-proof` offline: `verify_proof.py FILE LOG_VKEY QUORUM [WITNESS_VKEY...]`.

A page of Python that shares nothing with the platform: the standard library and Ed25519 from `cryptography`.
It follows C2SP tlog-proof, tlog-checkpoint, signed-note and tlog-cosignature, and RFC 6962. The entry is what the
`extra` line carries; it counts only because its hash leads to the root that the log and QUORUM witnesses signed.
"""

import base64
import hashlib
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


def verify(text, log_vkey, quorum, witness_vkeys):
    """Index, entry, size and names of witnesses of a proof that holds; raises for any other."""
    head, note = text.split("\n\n", 1)
    header, extra, index, *path = head.split("\n")
    if header != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra ") or not index.startswith("index "):
        raise ValueError("this is not a proof that carries its entry")
    leaf, index = decode(extra[6:]), int(index[6:])
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
    if root_of(index, int(size), sha256(b"\0", leaf), [decode(line) for line in path]) != decode(root):
        raise ValueError("the entry is not in the log")
    return index, leaf, int(size), sorted(names)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: verify_proof.py FILE LOG_VKEY QUORUM [WITNESS_VKEY...]")
    with open(sys.argv[1], encoding="utf-8") as file:
        at, entry, of, who = verify(file.read(), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    print(f"ok: entry {at} of {of}, witnessed by {', '.join(who) or 'nobody'}: {entry.decode()}")
