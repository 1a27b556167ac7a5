"""Files and batches through the `openai` and `mistralai` clients: uploaded, asked, read, cancelled, removed.

MODEL is a real one of ours, MOCK is `cocarde bench upstream` behind the same gateway. Costs a few tokens.
"""

import json
import time

import openai

from checks import SECONDS_MAX, Checks, arguments

try:
    from mistralai.client import Mistral
except ImportError:
    from mistralai import Mistral

N_LINES = 12
ENDED = ("completed", "failed", "expired", "cancelled", "SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED")


def until_ended(look):
    """Looks until a batch has ended; the deadline is shown as what it is then."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        batch = look()
        if batch.status in ENDED or time.monotonic() > deadline:
            return batch
        time.sleep(0.2)


def question(number, model=None):
    body = {"messages": [{"role": "user", "content": f"{number}"}], "max_tokens": 4}
    return body | ({"model": model} if model else {})


def in_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def rows_of(text):
    return {row["custom_id"]: row for row in map(json.loads, text.splitlines())}


def check_openai(checks, client, model, mock):
    rows = [
        {"custom_id": f"q{number}", "method": "POST", "url": "/v1/chat/completions",
         "body": question(number, model if number % 2 else mock)}
        for number in range(N_LINES)
    ]
    rows.append(rows[0] | {"custom_id": "bad", "body": question(0, "no-such-model")})
    content = in_lines(rows)
    file = client.files.create(file=("questions.jsonl", content), purpose="batch")
    checks.that(
        (file.object, file.bytes, file.filename, file.purpose, file.status)
        == ("file", len(content), "questions.jsonl", "batch", "processed"),
        "files.create keeps a file", file.id,
    )
    checks.that(client.files.content(file.id).read() == content, "files.content gives the same bytes")
    checks.that(client.files.retrieve(file.id) == file, "files.retrieve shows it")
    checks.that(file.id in [one.id for one in client.files.list(purpose="batch", limit=1)], "files.list pages to it")

    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"check": "interop"},
    )
    checks.that(batch.status == "validating" and batch.object == "batch", "batches.create begins", batch.id)
    ended = until_ended(lambda: client.batches.retrieve(batch.id))
    counts = ended.request_counts
    checks.that(
        (ended.status, counts.total, counts.completed, counts.failed) == ("completed", N_LINES + 1, N_LINES, 1),
        "it completes, and counts its lines", f"{ended.status} {counts}",
    )
    checks.that(ended.metadata == {"check": "interop"} and ended.completed_at >= ended.created_at, "it says what and when")
    text = client.files.content(ended.output_file_id).text
    found = rows_of(text)
    checks.that(
        sorted(found) == sorted(row["custom_id"] for row in rows[:-1]) and len(text.splitlines()) == N_LINES,
        "each line has one answer", len(found),
    )
    checks.that(
        all(row["response"]["status_code"] == 200 and row["response"]["body"]["usage"]["total_tokens"] > 0
            and row["error"] is None for row in found.values()),
        "every answer is whole",
    )
    wrong = rows_of(client.files.content(ended.error_file_id).text)["bad"]
    checks.that(wrong["response"]["status_code"] == 404, "what went wrong is in the error file", wrong["response"]["body"])
    checks.that(batch.id in [one.id for one in client.batches.list(limit=1)], "batches.list pages to it")
    checks.raises(openai.ConflictError, lambda: client.batches.cancel(batch.id), "what has ended is not cancelled")

    broken = client.files.create(file=("broken.jsonl", in_lines(rows[:2]) + b"{\n"), purpose="batch")
    failed = client.batches.create(
        input_file_id=broken.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    failed = until_ended(lambda: client.batches.retrieve(failed.id))
    fault = failed.errors.data[0] if failed.errors else None
    checks.that(
        failed.status == "failed" and fault.line == 3 and fault.code == "invalid_json_line" and not failed.output_file_id,
        "a line that is no JSON fails the batch and is named", fault and fault.message,
    )
    checks.raises(
        openai.BadRequestError, lambda: client.files.create(file=b"{}", purpose="fine-tune"), "another purpose is refused"
    )
    checks.raises(openai.NotFoundError, lambda: client.files.retrieve("file-nobody"), "what is not there is not found")
    checks.that(client.files.delete(file.id).deleted, "files.delete removes it")
    checks.raises(openai.NotFoundError, lambda: client.files.content(file.id), "and it is gone")


def check_mistral(checks, client, mock):
    rows = [{"custom_id": f"q{number}", "body": question(number)} for number in range(N_LINES)]
    file = client.files.upload(file={"file_name": "questions.jsonl", "content": in_lines(rows)}, purpose="batch")
    checks.that(
        (file.sample_type, file.source, file.num_lines, file.purpose) == ("batch_request", "upload", N_LINES, "batch"),
        "files.upload keeps a file", file.id,
    )
    checks.that(client.files.retrieve(file_id=file.id).size_bytes == file.size_bytes, "files.retrieve shows it")
    job = client.batch.jobs.create(
        input_files=[file.id], model=mock, endpoint="/v1/chat/completions", metadata={"check": "interop"}
    )
    checks.that(job.status in ("QUEUED", "RUNNING", "SUCCESS"), "batch.jobs.create begins", job.id)
    ended = until_ended(lambda: client.batch.jobs.get(job_id=job.id))
    checks.that(
        (ended.status, ended.total_requests, ended.succeeded_requests, ended.failed_requests)
        == ("SUCCESS", N_LINES, N_LINES, 0),
        "it succeeds, and counts its requests", ended.status,
    )
    found = rows_of(client.files.download(file_id=ended.output_file).read().decode())
    checks.that(
        sorted(found) == sorted(row["custom_id"] for row in rows)
        and all(row["response"]["body"]["model"] == mock for row in found.values()),
        "files.download gives each answer, of the job's model", len(found),
    )
    listed = client.batch.jobs.list(status=["SUCCESS"])
    checks.that(job.id in [one.id for one in listed.data] and listed.total >= 1, "batch.jobs.list shows it", listed.total)
    inline = client.batch.jobs.create(requests=rows[:2], model=mock, endpoint="/v1/chat/completions")
    inline = until_ended(lambda: client.batch.jobs.get(job_id=inline.id))
    checks.that((inline.status, inline.succeeded_requests) == ("SUCCESS", 2), "requests may come with the job", inline.status)
    files = client.files.list(purpose="batch", page_size=1)
    checks.that(len(files.data) == 1 and files.total >= 3, "files.list counts pages", files.total)
    checks.that(client.files.delete(file_id=file.id).deleted, "files.delete removes it")
    try:
        client.files.retrieve(file_id=file.id)
        checks.that(False, "and it is gone", "it is still shown")
    except Exception as error:  # The client's class for it changes between versions; its status does not.
        checks.that(getattr(error, "status_code", None) == 404, "and it is gone", type(error).__name__)


def main():
    base_url, key, model, mock = arguments("check_batches.py BASE_URL KEY MODEL MOCK")
    checks = Checks("batches")
    url = base_url.rstrip("/")
    check_openai(checks, openai.OpenAI(base_url=f"{url}/v1", api_key=key, timeout=SECONDS_MAX, max_retries=0), model, mock)
    check_mistral(checks, Mistral(api_key=key, server_url=url, timeout_ms=SECONDS_MAX * 1000), mock)
    checks.end()


if __name__ == "__main__":
    main()
