"""`inspect-ai` evaluates through the gateway: plain answers of a real model, and an agent with a function.

MODEL is a real one of ours, MOCK is `cocarde bench upstream` behind the same gateway.
"""

import os
import tempfile

from checks import Checks, arguments

BASE_URL, KEY, MODEL, MOCK = arguments("check_inspect.py BASE_URL KEY MODEL MOCK")
os.environ["COCARDE_BASE_URL"], os.environ["COCARDE_API_KEY"] = BASE_URL.rstrip("/") + "/v1", KEY

from inspect_ai import Task, eval as evaluate
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, ResponseSchema
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import tool
from inspect_ai.util import json_schema
import pydantic


class Place(pydantic.BaseModel):
    """A form for an answer."""

    city: str
    people: int


@tool
def weather():
    async def execute(city: str) -> str:
        """The weather in a city.

        Args:
            city: The city's name.
        """
        return f"rain in {city}"

    return execute


def run(checks, what, name, samples, solver, **config):
    with tempfile.TemporaryDirectory() as folder:
        task = Task(dataset=samples, solver=solver, scorer=includes(), config=GenerateConfig(**config))
        log = evaluate(task, model=f"openai-api/cocarde/{name}", log_dir=folder, display="none",
                       max_retries=0, fail_on_error=True)[0]
    score = log.results.scores[0].metrics["accuracy"].value if log.status == "success" else log.error
    checks.that(score == 1.0, what, score if log.status == "success" else str(log.error)[-300:])
    used = log.stats.model_usage.values() if log.status == "success" else []
    checks.that(sum(usage.total_tokens for usage in used) > 0, f"{what}: usage is told")


def main():
    checks = Checks("inspect-ai")
    known = [Sample(input="21", target="vingt et un"), Sample(input="40", target="quarante")]
    run(checks, "what a real model learnt", MODEL, known, generate(), max_tokens=16, temperature=0)
    asked = [Sample(input="what is the weather in Lyon?", target="mock: rain in mock")]
    run(checks, "an agent calls a function", MOCK, asked, [use_tools(weather()), generate()])
    schema = ResponseSchema(name="place", json_schema=json_schema(Place))
    form = [Sample(input="a place", target='"city":"mock"')]
    run(checks, "a form is filled", MOCK, form, generate(), response_schema=schema)
    checks.end()


if __name__ == "__main__":
    main()
