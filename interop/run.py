"""Runs every check against a live platform: `run.py COCARDE DATA_DIR OPENAPI.json CLIENTS_PYTHON`.

DATA_DIR is what `cocarde demo --data DATA_DIR` left; its demo/interop.json says where things are.
Starts `cocarde up` on it and stops it again, whatever happens. CLIENTS_PYTHON is the interpreter of the environment
with clients that would not go together with the tools of the other. Exit code 0 only if all checks held.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import mock
from checks import arguments, fetch

HERE = pathlib.Path(__file__).resolve().parent
READY_S_MAX = 60
CHECK_S_MAX = 600
POLL_S = 0.2
STOP_S_MAX = 20
# What runs in the environment of requirements-clients.txt.
OF_CLIENTS = {"check_langchain.py", "check_llm.py", "check_inspect.py", "check_lm_eval.py"}


def wait(what, seconds, answered):
    """Asks again until the answer is true; the deadline is a failure, never a success."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := answered():
                return answer
        except (OSError, ValueError):  # Not there yet: refused, reset, half-written, 404, 503.
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not after {seconds} s")
        time.sleep(POLL_S)


def chat_works(base_url, key, model):
    """Whether the endpoint answers one short question."""
    body = {"model": model, "messages": [{"role": "user", "content": "un"}], "max_tokens": 1}
    request = urllib.request.Request(
        f"{base_url}/v1/chat/completions", json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=READY_S_MAX) as answer:
        return "choices" in json.load(answer)


def witness(cocarde, data, log, number, vkey):
    """Starts a witness of the log: the process, its URL and its key."""
    ready, folder = data / f"interop-w{number}-ready", data / f"interop-w{number}"
    ready.unlink(missing_ok=True)
    process = subprocess.Popen(
        [cocarde, "witness", "--dir", str(folder), "--name", f"witness.example/w{number}", "--origin", vkey,
         "--listen", "127.0.0.1:0", "--ready-file", str(ready)],
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
    )
    try:
        url = wait("a witness is ready", READY_S_MAX, lambda: ready.read_text().strip())
    except BaseException:
        stop(process)
        raise
    return process, url, (folder / "witness.vkey").read_text().strip()


def serve(cocarde, data, log, witnesses=(), words=()):
    """Starts the platform; the process and its URL, once the demo's endpoint answers."""
    ready = data / "interop-ready"
    ready.unlink(missing_ok=True)
    process = subprocess.Popen(
        [cocarde, "up", "--data", str(data), "--listen", "127.0.0.1:0", "--ready-file", str(ready)]
        + [f"--witness={url}={key}" for _, url, key in witnesses] + list(words),
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
    )

    def url():
        if process.poll() is not None:
            raise SystemExit(f"`cocarde up` ended with {process.returncode}: see {log.name}")
        text = ready.read_text().strip()
        return text if text.startswith("http") else None

    try:
        return process, wait("`cocarde up` writes its ready file", READY_S_MAX, url).rstrip("/")
    except BaseException:
        stop(process)
        raise


def stop(process):
    """Ends the platform in order, and by force only when it does not listen."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def write_logits(cocarde, facts, file):
    """Our own logits for the prompts, as the checks of transformers want them."""
    with open(file, "wb") as out:
        subprocess.run(
            [cocarde, "lm", "logits", "--model", facts["model_dir"], "--prompts", facts["prompts"]],
            stdout=out, check=True, timeout=CHECK_S_MAX,
        )


def run_checks(cocarde, data, openapi, facts, base_url, witnesses, clients, mock_url):
    """Each check in a process of its own; the names of those that failed."""
    key, model = facts["api_key"], facts["model"]
    wait("the endpoint is listed", READY_S_MAX, lambda: model in fetch(f"{base_url}/v1/models", key).decode())
    wait("the endpoint answers", READY_S_MAX, lambda: chat_works(base_url, key, model))
    mocked, key_of_one = mock.put_behind(base_url, facts["admin_token"], model, mock_url)
    wait("the mock is listed", READY_S_MAX, lambda: mocked in fetch(f"{base_url}/v1/models", key).decode())
    samples = str(data / "demo" / "dataset" / "train.jsonl")
    logits = data / "interop-logits.json"
    write_logits(cocarde, facts, logits)
    checks = [
        ("check_openapi.py", openapi),
        ("check_cedar.py", base_url, facts["admin_token"]),
        ("check_openai.py", base_url, key, model),
        ("check_mistral.py", base_url, key, model),
        ("check_openai_tools.py", base_url, key, model, mocked),
        ("check_mistral_tools.py", base_url, key, model, mocked),
        ("check_batches.py", base_url, key, model, mocked),
        ("check_npm.py", base_url, key, model, mocked),
        ("check_langchain.py", base_url, key, model, mocked),
        ("check_llm.py", base_url, key, model, mocked),
        ("check_inspect.py", base_url, key, model, mocked),
        ("check_lm_eval.py", base_url, key_of_one, model, samples),
        ("check_log.py", base_url, facts["log_vkey"], facts["receipt"], facts["admin_token"]),
        ("check_go_log.py", base_url, facts["log_vkey"], facts["admin_token"], "2", *witnesses),
        ("check_proof.py", base_url, facts["log_vkey"], facts["admin_token"], "2", *witnesses),
        ("check_answer.py", base_url, facts["log_vkey"], facts["admin_token"], key, model, "2", *witnesses),
        ("check_signing.py", facts["model_dir"], facts["signature"], facts["public_key"]),
        ("check_schemathesis.py", cocarde, openapi),
        ("check_oidc.py", cocarde),
        ("check_oscal.py", cocarde),
        ("check_transformers.py", facts["model_dir"], str(logits)),
    ]
    failed = []
    for script, *words in checks:
        print(f"-- {script}", flush=True)
        python = clients if script in OF_CLIENTS else sys.executable
        try:
            code = subprocess.run([python, str(HERE / script), *words], timeout=CHECK_S_MAX).returncode
        except subprocess.TimeoutExpired:
            code = "no end"
        if code != 0:
            print(f"FAIL {script}: exit code {code}", flush=True)
            failed.append(script)
    print(f"interop: {len(checks) - len(failed)} checks passed, {len(failed)} failed", flush=True)
    return failed


def main():
    cocarde, data, openapi, clients = arguments("run.py COCARDE DATA_DIR OPENAPI.json CLIENTS_PYTHON")
    # Paths that the scripts are given must hold from any folder.
    data = pathlib.Path(data).resolve()
    path = data / "demo" / "interop.json"
    if not path.exists():
        sys.exit(f"`{path}` is missing: run `cocarde demo --data {data}` first")
    facts = json.loads(path.read_text())
    os.umask(0o077)
    with open(data / "interop-up.log", "w") as log:
        watching = []
        try:
            for number in (1, 2, 3):
                watching.append(witness(cocarde, data, log, number, facts["log_vkey"]))
            mocking, mock_url = mock.start(cocarde, log)
            watching.append((mocking, None, None))
            witnesses = watching[:-1]
            process, base_url = serve(cocarde, data, log, witnesses)
        except BaseException:
            for started, _, _ in watching:
                stop(started)
            raise
        try:
            keys = [key for _, _, key in witnesses]
            failed = run_checks(cocarde, data, openapi, facts, base_url, keys, clients, mock_url)
        except (TimeoutError, RuntimeError, subprocess.SubprocessError) as error:
            failed = [str(error)]
            print(f"FAIL {error}; see {log.name}", flush=True)
        finally:
            for started in [process, *(started for started, _, _ in watching)]:
                stop(started)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
