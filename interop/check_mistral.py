"""The `mistralai` client works against the gateway as it is. Changes nothing, costs a few tokens."""

from checks import SECONDS_MAX, Checks, arguments

try:
    from mistralai.client import Mistral
except ImportError:
    from mistralai import Mistral

PROMPT = [{"role": "user", "content": "vingt et un"}]


def main():
    base_url, key, model = arguments("check_mistral.py BASE_URL KEY MODEL")
    checks = Checks("mistralai")
    client = Mistral(api_key=key, server_url=base_url.rstrip("/"), timeout_ms=SECONDS_MAX * 1000)

    ids = [item.id for item in client.models.list().data]
    checks.that(model in ids, "models.list names the model", ", ".join(ids))

    answer = client.chat.complete(model=model, messages=PROMPT, temperature=0, max_tokens=16)
    whole = answer.choices[0].message.content
    checks.that(bool(whole), "chat.complete answers", repr(whole))
    usage = answer.usage
    checks.that(
        usage.prompt_tokens > 0
        and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens,
        "usage adds up", f"{usage.prompt_tokens} + {usage.completion_tokens}",
    )

    text, chunks = "", 0
    for event in client.chat.stream(model=model, messages=PROMPT, temperature=0, max_tokens=16):
        chunks += 1
        if event.data.choices:
            text += event.data.choices[0].delta.content or ""
    checks.that(text == whole, "chat.stream says the same", f"{chunks} chunks, {text!r}")

    stranger = Mistral(api_key="wrong", server_url=base_url.rstrip("/"), timeout_ms=SECONDS_MAX * 1000)
    try:
        stranger.models.list()
        checks.that(False, "a wrong key is refused", "it was accepted")
    except Exception as error:  # The client's class for it changes between versions; its status does not.
        status = getattr(error, "status_code", None)
        checks.that(status == 401, "a wrong key is refused", f"{type(error).__name__} {status}")
    checks.end()


if __name__ == "__main__":
    main()
