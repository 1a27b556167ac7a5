"""LangChain's own integrations work against the gateway: chat, stream, functions, forms, vectors, responses.

MODEL is a real one of ours, MOCK is `cocarde bench upstream` behind the same gateway.
"""

import os

from checks import SECONDS_MAX, Checks, arguments

os.environ["LANGCHAIN_TRACING_V2"] = os.environ["LANGSMITH_TRACING"] = "false"

import pydantic
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langchain_mistralai import ChatMistralAI
from langchain_openai import ChatOpenAI, OpenAIEmbeddings


class Place(pydantic.BaseModel):
    """A form for an answer."""

    city: str = pydantic.Field(description="the city's name")
    people: int = pydantic.Field(description="how many live there")


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"rain in {city}"


def check_chat(checks, what, small, able):
    whole = small.invoke("vingt et un")
    checks.that(bool(whole.content), f"{what}: invoke answers", repr(whole.content))
    checks.that(whole.usage_metadata["total_tokens"] > 0, f"{what}: usage is told")
    pieces = "".join(chunk.text for chunk in small.stream("vingt et un"))
    checks.that(pieces == whole.text, f"{what}: stream says the same", repr(pieces))
    bound = able.bind_tools([weather])
    asked = bound.invoke("what is the weather in Lyon?")
    calls = asked.tool_calls
    checks.that(calls and calls[0]["name"] == "weather", f"{what}: bind_tools calls a function", calls)
    result = ToolMessage(weather.invoke(calls[0]["args"]), tool_call_id=calls[0]["id"])
    after = bound.invoke([("user", "what is the weather in Lyon?"), asked, result])
    checks.that(after.text == "mock: rain in mock", f"{what}: and is given its result", repr(after.text))
    # Mistral's servers send a call in one piece, and its integration joins no pieces of other engines.
    if what == "langchain-openai":
        gathered = None
        for chunk in bound.stream("what is the weather in Lyon?"):
            gathered = chunk if gathered is None else gathered + chunk
        checks.that(gathered.tool_calls[0]["args"] == calls[0]["args"], f"{what}: the same call, streamed")
    for method in ("json_schema", "function_calling"):
        place = able.with_structured_output(Place, method=method).invoke("a place")
        checks.that(place == Place(city="mock", people=1), f"{what}: with_structured_output, {method}", place)


def main():
    base_url, key, model, mock = arguments("check_langchain.py BASE_URL KEY MODEL MOCK")
    checks, url = Checks("langchain"), base_url.rstrip("/") + "/v1"

    def by_openai(name, **more):
        return ChatOpenAI(model=name, base_url=url, api_key=key, timeout=SECONDS_MAX, max_retries=0,
                          temperature=0, max_tokens=16, stream_usage=True, **more)

    def by_mistral(name):
        return ChatMistralAI(model=name, endpoint=url, api_key=key, timeout=SECONDS_MAX, max_retries=1,
                             temperature=0, max_tokens=16, random_seed=7)

    check_chat(checks, "langchain-openai", by_openai(model), by_openai(mock))
    check_chat(checks, "langchain-mistralai", by_mistral(model), by_mistral(mock))
    responses = by_openai(model, use_responses_api=True).invoke("vingt et un")
    checks.that(bool(responses.text), "langchain-openai: the responses API answers", repr(responses.text))
    # Token ids of another vocabulary mean nothing here, so texts are sent as texts.
    vectors = OpenAIEmbeddings(model=model, base_url=url, api_key=key, check_embedding_ctx_length=False)
    one, two = vectors.embed_documents(["vingt", "trente"])
    checks.that(one == vectors.embed_query("vingt") and one != two, "OpenAIEmbeddings gives vectors", len(one))
    checks.end()


if __name__ == "__main__":
    main()
