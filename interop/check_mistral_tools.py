"""The `mistralai` client on its own paths beyond plain chat: functions, forms, the middle of a text, vectors.

MODEL is a real one of ours, MOCK is `cocarde bench upstream` behind the same gateway.
"""

import json

import pydantic

from checks import SECONDS_MAX, Checks, arguments

try:
    from mistralai.client import Mistral
except ImportError:
    from mistralai import Mistral

QUESTION = [{"role": "user", "content": "what is the weather in Lyon?"}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}


class Place(pydantic.BaseModel):
    """A form for an answer."""

    city: str
    people: int


def main():
    base_url, key, model, mock = arguments("check_mistral_tools.py BASE_URL KEY MODEL MOCK")
    checks = Checks("mistralai tools")
    client = Mistral(api_key=key, server_url=base_url.rstrip("/"), timeout_ms=SECONDS_MAX * 1000)

    cards = {card.id: card for card in client.models.list().data}
    checks.that(cards[model].capabilities.completion_chat, "a card says what a model can do")
    answer = client.chat.complete(model=mock, messages=QUESTION, tools=[TOOL], tool_choice="any", random_seed=7)
    call = answer.choices[0].message.tool_calls[0]
    arguments_ = call.function.arguments
    arguments_ = json.loads(arguments_) if isinstance(arguments_, str) else arguments_
    checks.that(arguments_ == {"city": "mock"}, "`any` calls a function", call.function.name)
    result = {"role": "tool", "tool_call_id": call.id, "name": "weather", "content": "rain"}
    after = client.chat.complete(model=mock, messages=[*QUESTION, answer.choices[0].message, result], tools=[TOOL])
    checks.that(after.choices[0].message.content == "mock: rain", "its result comes back to the model")
    parsed = client.chat.parse(Place, model=mock, messages=QUESTION)
    checks.that(parsed.choices[0].message.parsed == Place(city="mock", people=1), "chat.parse fills a form")

    middle = client.fim.complete(model=mock, prompt="def f():", suffix="return b", random_seed=7)
    checks.that(middle.choices[0].message.content == "mock middle", "fim.complete fills the middle")
    pieces = [e.data.choices[0].delta.content for e in client.fim.stream(model=mock, prompt="a", suffix="b")
              if e.data.choices]
    checks.that("".join(p or "" for p in pieces) == "mock middle" and len(pieces) > 1, "fim.stream does too")

    for name in (model, mock):
        vectors = client.embeddings.create(model=name, inputs=["vingt", "vingt"]).data
        checks.that(vectors[0].embedding == vectors[1].embedding and len(vectors[0].embedding) > 1,
                    f"{name}: embeddings.create gives vectors", len(vectors[0].embedding))
    few = client.embeddings.create(model=mock, inputs="a", output_dimension=5).data[0].embedding
    checks.that(len(few) == 5, "output_dimension is what engines call dimensions")
    one, two = (client.chat.complete(model=model, messages=[{"role": "user", "content": "21"}], temperature=1,
                                     random_seed=3, max_tokens=8).choices[0].message.content for _ in range(2))
    checks.that(one == two, "the same random_seed gives the same text", repr(one))
    for what, ask in (
        ("a type of numbers that nobody gives", lambda: client.embeddings.create(model=mock, inputs="a", output_dtype="int8")),
        ("what is not there", lambda: client.classifiers.moderate(model=mock, inputs="a")),
    ):
        try:
            ask()
            checks.that(False, f"{what} is refused", "it was accepted")
        except Exception as error:  # The client's class for it changes between versions; its status does not.
            status = getattr(error, "status_code", None)
            checks.that(status in (400, 404), f"{what} is refused", f"{type(error).__name__} {status}")
    checks.end()


if __name__ == "__main__":
    main()
