"""OpenSSF's own tool accepts the model's signature, and refuses it once any one byte has changed.

Works on a copy of the model; the original is only read.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from checks import Checks, arguments


def verify(model, signature, public_key):
    """Runs the tool: its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "model_signing", "verify", "key", str(model),
         "--signature", str(signature), "--public_key", str(public_key)],
        capture_output=True, text=True, timeout=120,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def flip(path):
    """Changes one bit in the middle of a file, without changing its length."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def main():
    model, signature, public_key = map(
        pathlib.Path, arguments("check_signing.py MODEL_DIR SIGNATURE PUBLIC_KEY")
    )
    checks = Checks("model signature")
    code, said = verify(model, signature, public_key)
    checks.that(code == 0, "model_signing accepts the model as it is", said.splitlines()[-1] if said else "")

    # The signature may lie inside the folder; it does not sign itself.
    files = sorted(
        p.relative_to(model) for p in model.rglob("*")
        if p.is_file() and p.resolve() != signature.resolve() and p.stat().st_size
    )
    checks.that(any(f.suffix == ".safetensors" for f in files), "the weights are there", f"{len(files)} files")
    for file in files:
        with tempfile.TemporaryDirectory() as scratch:
            copy = pathlib.Path(scratch) / "model"
            shutil.copytree(model, copy)
            inner = copy / signature.name if signature.resolve().is_relative_to(model.resolve()) else signature
            flip(copy / file)
            code, said = verify(copy, inner, public_key)
            checks.that(code != 0 and file.name in said, f"one changed bit in {file} is refused by name")
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "model"
        shutil.copytree(model, copy)
        inner = copy / signature.name if signature.resolve().is_relative_to(model.resolve()) else signature
        (copy / "added.py").write_text("print('not signed')\n")
        code, said = verify(copy, inner, public_key)
        checks.that(code != 0, "an added file is refused")
    checks.end()


if __name__ == "__main__":
    main()
