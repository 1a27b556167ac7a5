"""The `llm` command line works against the gateway: prompt, stream, schema, a function, vectors.

MODEL is a real one of ours, MOCK is `cocarde bench upstream` behind the same gateway.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from checks import SECONDS_MAX, Checks, arguments

CONFIG = """
- model_id: small
  model_name: {model}
  api_base: {url}
  api_key_name: here
- model_id: mock
  model_name: {mock}
  api_base: {url}
  api_key_name: here
  supports_schema: true
  supports_tools: true
"""
FUNCTION = 'def weather(city: str) -> str:\n    "The weather in a city."\n    return f"rain in {city}"\n'


def main():
    base_url, key, model, mock = arguments("check_llm.py BASE_URL KEY MODEL MOCK")
    checks, llm = Checks("llm"), pathlib.Path(sys.executable).parent / "llm"
    with tempfile.TemporaryDirectory() as folder:
        config = CONFIG.format(model=json.dumps(model), mock=json.dumps(mock), url=base_url.rstrip("/") + "/v1")
        pathlib.Path(folder, "extra-openai-models.yaml").write_text(config)
        pathlib.Path(folder, "keys.json").write_text(json.dumps({"here": key}))
        environment = os.environ | {"LLM_USER_PATH": folder}

        def run(*words):
            done = subprocess.run([llm, *words], env=environment, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=SECONDS_MAX)
            return done.returncode, done.stdout.strip(), done.stderr.strip()

        code, whole, error = run("-m", "small", "--no-stream", "-o", "temperature", "0", "-o", "max_tokens", "16", "vingt et un")
        checks.that(code == 0 and whole, "a prompt is answered", repr(whole or error))
        code, streamed, error = run("-m", "small", "-o", "temperature", "0", "-o", "max_tokens", "16", "vingt et un")
        checks.that(code == 0 and streamed == whole, "the stream says the same", repr(streamed or error))
        code, told, error = run("-m", "mock", "--schema", "city, people int", "a place")
        checks.that(code == 0 and json.loads(told or "{}") == {"city": "mock", "people": 1},
                    "--schema gives JSON of it", told or error)
        code, told, error = run("-m", "mock", "--functions", FUNCTION, "what is the weather in Lyon?")
        checks.that(code == 0 and told.endswith("mock: rain in mock"), "--functions calls one", repr(told or error))
        code, told, error = run("-m", "small", "--key", "wrong", "un")
        checks.that(code != 0 and "key" in error.lower(), "a wrong key is refused", error[-80:])
    checks.end()


if __name__ == "__main__":
    main()
