"""Generated requests against a fresh platform of its own: no 5xx, and no answer that the description does not promise.

`check_schemathesis.py COCARDE OPENAPI.json`. Also runs over a description with one answer struck out, which must be found.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

from checks import Checks, arguments
from run import serve, stop

SECONDS_PER_RUN = 60
RUN_S_MAX = SECONDS_PER_RUN * 4
ANSWERS = ",".join((
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance",
))
# A generated request that takes its own key away would test nothing but 401 from then on.
# Tar files cannot be generated: the import has attack tests of its own.
LEFT_OUT = ("key_revoke", "key_rotate", "session_revoke", "organisation_import")


def post(base_url, token, path, body):
    """Creates something through the API and gives the answer."""
    request = urllib.request.Request(
        f"{base_url}/api/v1/{path}", json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return json.load(answer)


def seed(base_url, token):
    """Two tenants with something in each, so that generated references can meet something real."""
    for name in ("acme", "orange"):
        post(base_url, token, "organisations", {"name": name})
        post(base_url, token, "projects", {"organisation": name, "name": "nlp"})
        post(base_url, token, "datasets", {"project": f"{name}/nlp", "name": "corpus", "class": "public"})
        post(base_url, token, "budgets", {"project": f"{name}/nlp", "name": "year", "limit": "10 EUR"})


def fuzz(base_url, token, description, *words):
    """One run of the fuzzer; its exit code and what it printed."""
    command = [
        str(pathlib.Path(sys.executable).parent / "schemathesis"), "run", str(description),
        "--url", base_url, "--header", f"Authorization: Bearer {token}", "--checks", ANSWERS,
        "--seed", "1", "--no-shrink", "--continue-on-failure", "--suppress-health-check", "all",
        "--request-timeout", "20", "--warnings", "off", *words,
    ]
    for operation in LEFT_OUT:
        command += ["--exclude-operation-id", operation]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S_MAX)
    return done.returncode, done.stdout + done.stderr


def without_one_answer(description, folder):
    """The description with `404` struck from one list, as a file."""
    document = json.loads(pathlib.Path(description).read_text())
    del document["paths"]["/api/v1/budgets/{id}"]["get"]["responses"]["404"]
    broken = folder / "broken.json"
    broken.write_text(json.dumps(document))
    return broken


def main():
    cocarde, description = arguments("check_schemathesis.py COCARDE OPENAPI.json")
    checks = Checks("schemathesis")
    os.umask(0o077)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        # The first start prints the operator's token once.
        log_path = folder / "up.log"
        with open(log_path, "w") as log:
            process, base_url = serve(cocarde, folder / "data", log)
            try:
                token = re.search(r"cck_[\w-]+", log_path.read_text()).group()
                seed(base_url, token)
                code, said = fuzz(base_url, token, description, "--max-time", str(SECONDS_PER_RUN), "-n", "20")
                cases = [line.strip() for line in said.splitlines() if "generated" in line]
                checks.that(code == 0, "every answer is one that the description promises", "; ".join(cases))
                if code != 0:
                    print(said[-20_000:])
                broken = without_one_answer(description, folder)
                code, _ = fuzz(base_url, token, broken, "--include-operation-id", "budget_get", "-n", "20")
                checks.that(code != 0, "and an answer that is not promised is found")
                checks.that(process.poll() is None, "the platform still runs")
            finally:
                stop(process)
    checks.end()


if __name__ == "__main__":
    main()
