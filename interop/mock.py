"""Puts `cocarde bench upstream`, a mock of an engine, behind the gateway of a running platform.

It calls functions and fills forms, which a model as small as the demo's cannot. Nothing that it answers says anything
about a model: it shows that what clients send and read passes through as they mean it.
"""

import json
import subprocess
import time
import urllib.error
import urllib.request

from checks import SECONDS_MAX

NAME = "mock"
READY_S_MAX = 60


def call(base_url, token, method, path, body=None):
    """One call of the platform's API."""
    request = urllib.request.Request(
        base_url + path, json.dumps(body).encode() if body is not None else None,
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}, method=method,
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS_MAX) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error


def start(cocarde, log):
    """The mock's process and its URL."""
    process = subprocess.Popen(
        [cocarde, "bench", "upstream", "--listen", "127.0.0.1:0"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.PIPE, text=True,
    )
    for line in process.stderr:
        words = [word.strip("`,") for word in line.split() if "http://" in word]
        if words:
            return process, words[0].rstrip("/").removesuffix("/v1")
    raise RuntimeError(f"the mock ended with {process.wait()}")


def put_behind(base_url, token, model, url):
    """Registers the mock beside the endpoint of `model`; a key for `model` alone."""
    endpoints = call(base_url, token, "GET", "/api/v1/endpoints")["items"]
    project = next(one["project"] for one in endpoints if one["name"] == model)
    site = call(base_url, token, "GET", "/api/v1/sites")["items"][0]["id"]
    # A name of its own each time: a run may have left one behind.
    name = f"{NAME}-{int(time.time())}"
    config = {"url": f"{url}/v1", "model": "mock", "reach": "private"}
    call(base_url, token, "POST", "/api/v1/upstreams",
         {"project": project, "name": name, "site": site, "config": config})
    call(base_url, token, "POST", "/api/v1/endpoints",
         {"project": project, "name": name, "backends": [{"upstream": name}]})
    key = call(base_url, token, "POST", "/api/v1/keys",
               {"name": name, "role": "inference", "project": project, "models": [model]})
    return name, key["secret"]
