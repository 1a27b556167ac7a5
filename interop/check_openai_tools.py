"""The `openai` client on its own paths beyond plain chat: functions, forms, responses, vectors, ratings.

MODEL is a real one of ours, MOCK is `cocarde bench upstream` behind the same gateway: it calls functions and fills
forms, which a model as small as ours cannot, and says so in its texts. Costs a few tokens.
"""

import json
import math

import openai
import pydantic

from checks import SECONDS_MAX, Checks, arguments

QUESTION = [{"role": "user", "content": "what is the weather in Lyon?"}]
PARAMETERS = {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
    "required": ["city", "days"], "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}


class Place(pydantic.BaseModel):
    """A form for an answer."""

    city: str
    people: int
    tags: list[str]


def check_tools(checks, client, mock):
    first = client.chat.completions.create(model=mock, messages=QUESTION, tools=[TOOL], tool_choice="required")
    call = first.choices[0].message.tool_calls[0]
    wanted = json.loads(call.function.arguments)
    checks.that(
        call.function.name == "weather" and wanted["days"] == 2 and first.choices[0].finish_reason == "tool_calls",
        "a function is called with arguments of its schema", call.function.arguments,
    )
    answer = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    after = client.chat.completions.create(
        model=mock, messages=[*QUESTION, first.choices[0].message, answer], tools=[TOOL]
    )
    checks.that(after.choices[0].message.content == "mock: rain", "its result comes back to the model")
    with client.chat.completions.stream(model=mock, messages=QUESTION, tools=[TOOL]) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    streamed = final.choices[0].message.tool_calls[0].function
    checks.that(
        "tool_calls.function.arguments.done" in kinds and json.loads(streamed.arguments) == wanted,
        "the same call, streamed in pieces", streamed.arguments,
    )


def check_forms(checks, client, mock):
    parsed = client.chat.completions.parse(model=mock, messages=QUESTION, response_format=Place)
    place = parsed.choices[0].message.parsed
    checks.that(isinstance(place, Place) and place.people == 1, "chat.completions.parse fills a form", place)
    response = client.responses.parse(model=mock, input="a place", text_format=Place)
    checks.that(isinstance(response.output_parsed, Place), "responses.parse fills the same form")


def check_ratings(checks, client, model, mock):
    for name in (model, mock):
        answer = client.chat.completions.create(
            model=name, messages=[{"role": "user", "content": "21"}], logprobs=True, top_logprobs=1, n=2,
            max_tokens=8, temperature=0,
        )
        rated = [choice.logprobs.content for choice in answer.choices]
        checks.that(
            len(rated) == 2 and rated[0] and all(one.logprob <= 0 and one.top_logprobs for one in rated[0]),
            f"{name}: two answers, every token with how likely it was", len(rated[0]),
        )
    told = client.completions.create(model=model, prompt="21", max_tokens=0, echo=True, logprobs=1)
    logprobs = told.choices[0].logprobs
    checks.that(
        told.choices[0].text == "21" and logprobs.token_logprobs[0] is None and logprobs.token_logprobs[-1] < 0,
        "a given text is rated and nothing added", logprobs.tokens,
    )


def check_vectors(checks, client, model, mock):
    for name in (model, mock):
        texts = ["vingt", "trente", "vingt"]
        by_base64 = client.embeddings.create(model=name, input=texts).data
        by_float = client.embeddings.create(model=name, input=texts, encoding_format="float").data
        same = all(
            math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
            for one, two in zip(by_base64, by_float) for a, b in zip(one.embedding, two.embedding, strict=True)
        )
        checks.that(same and len(by_float) == 3, f"{name}: vectors are the same in base 64 and as numbers")
        checks.that(by_float[0].embedding == by_float[2].embedding != by_float[1].embedding,
                    f"{name}: equal texts have equal vectors, others have not")
    length = math.sqrt(sum(x * x for x in client.embeddings.create(model=model, input="un").data[0].embedding))
    checks.that(abs(length - 1) < 1e-4, f"{model}: a vector's length is one", length)
    few = client.embeddings.create(model=mock, input=[[1, 2, 3]], dimensions=5).data[0].embedding
    checks.that(len(few) == 5, "dimensions and token ids reach the engine")
    checks.raises(openai.BadRequestError, lambda: client.embeddings.create(model=model, input="a", dimensions=7),
                  "a length that the model does not have is refused")


def check_responses(checks, client, model, mock):
    whole = client.responses.create(model=model, input="21", max_output_tokens=8, temperature=0)
    checks.that(bool(whole.output_text) and whole.store is False, "responses.create answers", whole.output_text)
    checks.that(whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens > 0, "usage adds up")
    with client.responses.stream(model=model, input="21", max_output_tokens=8, temperature=0) as stream:
        events = [event for event in stream]
        final = stream.get_final_response()
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
    checks.that(said == final.output_text == whole.output_text, "the stream says the same", repr(said))
    checks.that(numbers == sorted(set(numbers)), "its events are numbered", len(numbers))
    tool = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": True}
    first = client.responses.create(model=mock, input=QUESTION, tools=[tool])
    call = next(item for item in first.output if item.type == "function_call")
    checks.that(json.loads(call.arguments)["city"] == "mock", "a response calls a function", call.arguments)
    answer = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
    after = client.responses.create(model=mock, input=[*QUESTION, call, answer], tools=[tool])
    checks.that(after.output_text == "mock: rain", "and is given its result")
    for field, value in (("previous_response_id", whole.id), ("store", True), ("background", True)):
        try:
            client.responses.create(model=model, input="21", **{field: value})
            checks.that(False, f"{field} is refused", "it was accepted")
        except openai.BadRequestError as error:
            checks.that(error.param == field, f"{field} is refused by name", error.message)


def check_absent(checks, client):
    try:
        client.moderations.create(input="a")
        checks.that(False, "what is not there is 404", "it was accepted")
    except openai.NotFoundError as error:
        checks.that(error.code == "unknown_url", "what is not there is 404 in the envelope", error.message[:60])


def main():
    base_url, key, model, mock = arguments("check_openai_tools.py BASE_URL KEY MODEL MOCK")
    checks = Checks("openai tools")
    client = openai.OpenAI(base_url=base_url.rstrip("/") + "/v1", api_key=key, max_retries=0, timeout=SECONDS_MAX)
    check_tools(checks, client, mock)
    check_forms(checks, client, mock)
    check_ratings(checks, client, model, mock)
    check_vectors(checks, client, model, mock)
    check_responses(checks, client, model, mock)
    check_absent(checks, client)
    checks.end()


if __name__ == "__main__":
    main()
