"""The log, its checkpoint and a receipt, checked with other people's code and the raw files only.

Fetches entries and tiles over HTTP (C2SP tlog-tiles), recomputes the Merkle root with `pymerkle`,
checks the signature with `cryptography`, and the receipt's proofs with `pymerkle`. Each kind of
check is then given something false, which it must refuse.
"""

import base64
import json
import pathlib

from checks import Checks, arguments, fetch, sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InclusionProof, InmemoryTree, InvalidProof, verify_consistency

TILE_WIDTH = 256
HASH_BYTES = 32
ED25519 = b"\x01"


def read_key(text):
    """A verifier key `name+id+base64` (C2SP signed-note): its name, id and public key."""
    name, short_id, encoded = text.strip().split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    if raw[:1] != ED25519 or len(raw) != 1 + HASH_BYTES:
        raise ValueError("not an Ed25519 verifier key")
    if sha256(name.encode(), b"\n", raw)[:4].hex() != short_id:
        raise ValueError("the key's id does not fit the key")
    return name, bytes.fromhex(short_id), Ed25519PublicKey.from_public_bytes(raw[1:])


def open_checkpoint(note, key):
    """Size and root of a checkpoint that this key signed; raises for any other."""
    name, short_id, public = key
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    for line in lines.splitlines():
        dash, signer, encoded = line.split(" ")
        raw = base64.b64decode(encoded, validate=True)
        if dash == "\u2014" and signer == name and raw[:4] == short_id:
            public.verify(raw[4:], text.encode())
            origin, size, root = text.splitlines()
            if origin != name:
                raise ValueError(f"checkpoint of `{origin}`, not of `{name}`")
            return int(size), base64.b64decode(root, validate=True)
    raise InvalidSignature("no signature by this key")


def tile_paths(size, prefix):
    """Names of the files that hold `size` items, with the number of items in each."""
    for index in range(0, -(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        name = f"{index % 1000:03}"
        while index >= 1000:
            index //= 1000
            name = f"x{index % 1000:03}/{name}"
        yield f"{prefix}/{name}" + (f".p/{width}" if width < TILE_WIDTH else ""), width


def fetch_entries(log, size, token):
    """All entries, byte for byte."""
    entries = []
    for path, width in tile_paths(size, "tile/entries"):
        bundle, at = fetch(f"{log}/{path}", token), 0
        for _ in range(width):
            length = int.from_bytes(bundle[at:at + 2], "big")
            entries.append(bundle[at + 2:at + 2 + length])
            at += 2 + length
        if at != len(bundle):
            raise ValueError(f"{path} has {len(bundle)} bytes, its entries {at}")
    return entries


def check_hash_tiles(checks, log, entries, token):
    """Every hash tile of every level holds the hashes that the entries give."""
    level, hashes, tiles, good = 0, [sha256(b"\0", entry) for entry in entries], 0, True
    while hashes:
        for number, (path, width) in enumerate(tile_paths(len(hashes), f"tile/{level}")):
            wanted = b"".join(hashes[number * TILE_WIDTH:number * TILE_WIDTH + width])
            good &= fetch(f"{log}/{path}", token) == wanted
            tiles += 1
        full = len(hashes) // TILE_WIDTH
        hashes = [subtree(hashes[i * TILE_WIDTH:(i + 1) * TILE_WIDTH]) for i in range(full)]
        level += 1
    checks.that(good and tiles > 0, "every hash tile fits the entries", f"{tiles} tiles")


def subtree(hashes):
    """Root of a full subtree."""
    while len(hashes) > 1:
        hashes = [sha256(b"\1", a, b) for a, b in zip(hashes[::2], hashes[1::2])]
    return hashes[0]


def rule(index, size):
    """pymerkle's spelling of RFC 9162 §2.1.3.2: 1 where the proof's hash stands on the left."""
    bits, first, last = [], index, size - 1
    while last:
        if first % 2 or first == last:
            bits.append(1)
            while first % 2 == 0 and first:
                first, last = first >> 1, last >> 1
        else:
            bits.append(0)
        first, last = first >> 1, last >> 1
    return bits + [0]


def verify_entry(entry, size, root):
    """Checks one entry of a receipt with pymerkle; raises InvalidProof."""
    leaf = sha256(b"\0", base64.b64decode(entry["leaf"], validate=True))
    path = [leaf] + [base64.b64decode(step, validate=True) for step in entry["proof"]]
    index = entry["index"]
    proof = InclusionProof("sha256", True, size, index + 1, rule(index, size), path)
    proof.verify(leaf, root, index=index + 1, size=size, algorithm="sha256")


def check_receipt(checks, receipt, key, tree, entries):
    """Its checkpoint is signed and of this log; each entry is proven, and a changed one is not."""
    size, root = open_checkpoint(receipt["checkpoint"], key)
    checks.that(tree.get_root(size) == root, "the receipt's checkpoint is a state of this log", f"size {size}")
    proven = refused = same = 0
    for entry in receipt["entries"]:
        try:
            verify_entry(entry, size, root)
            proven += 1
        except InvalidProof as error:
            checks.that(False, f"entry {entry['index']} is proven", error)
        leaf = bytearray(base64.b64decode(entry["leaf"]))
        same += bytes(leaf) == entries[entry["index"]]
        leaf[len(leaf) // 2] ^= 1
        try:
            verify_entry(entry | {"leaf": base64.b64encode(leaf).decode()}, size, root)
        except InvalidProof:
            refused += 1
    count = len(receipt["entries"])
    checks.that(count > 0 and proven == count, "pymerkle proves each entry of the receipt", f"{proven} of {count}")
    checks.that(same == count, "each is the log's entry, byte for byte")
    checks.that(refused == count, "and none with one changed bit", f"{refused} of {count} refused")


def check_growth(checks, tree, size, root):
    """From each of some sizes on the log only grew; another beginning is refused."""
    held = refused = 0
    sizes = sorted({1, 2, size // 3, size // 2, size - 1} - {0})
    for old in sizes:
        prior = tree.get_root(old)
        proof = tree.prove_consistency(old, size)
        try:
            verify_consistency(prior, root, proof)
            held += 1
        except InvalidProof as error:
            checks.that(False, f"the log extends its first {old} entries", error)
        try:
            verify_consistency(sha256(prior), root, proof)
        except InvalidProof:
            refused += 1
    count = len(sizes)
    checks.that(held == count and refused == count, "pymerkle proves that the log only grew", f"{held} sizes")


def main():
    base_url, key_text, receipt_file, token = arguments("check_log.py BASE_URL VKEY RECEIPT TOKEN")
    checks, log = Checks("log"), base_url.rstrip("/") + "/log"
    key = read_key(key_text)
    note = fetch(f"{log}/checkpoint", token).decode()
    size, root = open_checkpoint(note, key)
    checks.that(size > 0, "the checkpoint is signed by the log's key", f"size {size}")
    origin = key[0]
    forged = note.replace(f"{origin}\n{size}\n", f"{origin}\n{size + 1}\n", 1)
    checks.raises(InvalidSignature, lambda: open_checkpoint(forged, key), "a forged size is refused")

    entries = fetch_entries(log, size, token)
    checks.that(len(entries) == size, "all entries are served", f"{sum(map(len, entries)):,} bytes")
    checks.that(all(isinstance(json.loads(e), dict) for e in entries), "each is plain JSON")
    tree = InmemoryTree(algorithm="sha256")
    tree.append_entries(entries)
    checks.that(tree.get_root() == root, "pymerkle computes the checkpoint's root", root.hex()[:16])
    entries[size // 2] = entries[size // 2].replace(b"{", b" {", 1)
    other = InmemoryTree(algorithm="sha256")
    other.append_entries(entries)
    checks.that(other.get_root() != root, "and another one after one more space in an entry")
    entries[size // 2] = entries[size // 2][1:]
    check_hash_tiles(checks, log, entries, token)
    check_growth(checks, tree, size, root)
    receipt = json.loads(pathlib.Path(receipt_file).read_text())
    check_receipt(checks, receipt, key, tree, entries)
    checks.end()


if __name__ == "__main__":
    main()
