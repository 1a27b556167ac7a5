"""The `openai` client works against the gateway as it is. Changes nothing, costs a few tokens."""

from checks import SECONDS_MAX, Checks, arguments

import openai

PROMPT = [{"role": "user", "content": "quatre-vingt-dix-sept"}]


def check_models(checks, client, model):
    ids = [item.id for item in client.models.list()]
    checks.that(model in ids, "models.list names the model", ", ".join(ids))
    found = client.models.retrieve(model)
    checks.that(found.id == model and found.object == "model", "models.retrieve finds it")


def check_chat(checks, client, model):
    answer = client.chat.completions.create(model=model, messages=PROMPT, temperature=0, max_tokens=16)
    choice, usage = answer.choices[0], answer.usage
    checks.that(
        choice.message.role == "assistant" and bool(choice.message.content),
        "chat.completions.create answers", repr(choice.message.content),
    )
    checks.that(choice.finish_reason in ("stop", "length"), "it says why it ended", choice.finish_reason)
    checks.that(
        usage.prompt_tokens > 0 and usage.completion_tokens > 0
        and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens,
        "usage adds up", f"{usage.prompt_tokens} + {usage.completion_tokens}",
    )
    return choice.message.content, usage


def check_stream(checks, client, model, whole, whole_usage):
    chunks = list(client.chat.completions.create(
        model=model, messages=PROMPT, temperature=0, max_tokens=16,
        stream=True, stream_options={"include_usage": True},
    ))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    checks.that(text == whole, "the stream says what the whole answer says", repr(text))
    last = chunks[-1]
    checks.that(not last.choices and last.usage is not None, "its last chunk is the usage alone")
    checks.that(
        last.usage is not None and last.usage.total_tokens == whole_usage.total_tokens,
        "and the same usage",
    )
    plain = list(client.chat.completions.create(
        model=model, messages=PROMPT, temperature=0, max_tokens=16, stream=True,
    ))
    checks.that(
        bool(plain) and all(c.usage is None for c in plain),
        "no usage in a stream that did not ask for it",
    )


def check_completions(checks, client, model):
    def sample(seed):
        return client.completions.create(
            model=model, prompt="douze", temperature=1.0, seed=seed, max_tokens=12
        ).choices[0].text

    checks.that(isinstance(sample(7), str), "completions.create answers")
    checks.that(sample(7) == sample(7), "the same seed gives the same text")
    # A sharply trained model may say one thing whatever the seed, so that is no failure.
    chunks = list(client.completions.create(
        model=model, prompt="douze", temperature=0, max_tokens=12, stream=True
    ))
    whole = client.completions.create(model=model, prompt="douze", temperature=0, max_tokens=12)
    text = "".join(c.choices[0].text for c in chunks if c.choices)
    checks.that(text == whole.choices[0].text, "completions stream too", repr(text))


def check_errors(checks, client, base_url, model):
    def chat(client, **changes):
        wanted = {"model": model, "messages": PROMPT, "max_tokens": 4} | changes
        return lambda: client.chat.completions.create(**wanted)

    stranger = openai.OpenAI(base_url=base_url, api_key="sk-wrong", max_retries=0, timeout=SECONDS_MAX)
    checks.raises(openai.NotFoundError, chat(client, model="no-such-model"), "an unknown model")
    checks.raises(openai.AuthenticationError, chat(stranger), "a wrong key")
    checks.raises(openai.AuthenticationError, lambda: list(stranger.models.list()), "a wrong key lists nothing")
    checks.raises(openai.BadRequestError, chat(client, messages="not a list"), "messages of a wrong type")
    try:
        chat(client, model="no-such-model")()
    except openai.APIStatusError as error:
        body = error.body if isinstance(error.body, dict) else {}
        checks.that(bool(body.get("message")) and "code" in body, "the error has OpenAI's form", body)


def main():
    base_url, key, model = arguments("check_openai.py BASE_URL KEY MODEL")
    checks, base_url = Checks("openai"), base_url.rstrip("/") + "/v1"
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=SECONDS_MAX)
    check_models(checks, client, model)
    whole, usage = check_chat(checks, client, model)
    check_stream(checks, client, model, whole, usage)
    check_completions(checks, client, model)
    check_errors(checks, client, base_url, model)
    checks.end()


if __name__ == "__main__":
    main()
