"""Gateways side by side in one run: the same load, the same mock engine, the same machine.

    python bench/gateway_peers.py target/release/cocarde --peers nginx,sglang,vllm,tensorzero

Ours is the whole platform (`cocarde up`) with keys, limits, policy, metering and receipts on; peers run in
their plain best configuration. They are installed with pip into a folder of their own (`--install`), nginx
comes from the distribution. One gateway runs at a time; each is stopped before the next starts. Prints a table
in Markdown and writes everything to `--out`. Must never favour ours: no option differs but the address.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv

HERE = pathlib.Path(__file__).resolve().parent
READY_S_MAX = 90
# Load generators of a crowd, and connections of each: 1,008 streams at once.
N_CROWD, CROWD_CONNECTIONS = 16, 63
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

NGINX = """worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream engine {{ server 127.0.0.1:{engine}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port}; client_max_body_size 20m; client_body_buffer_size 64k;
    location / {{ proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }} }}
"""

TENSORZERO = """[gateway]
observability.enabled = false
[models.mock]
routing = ["mock"]
[models.mock.providers.mock]
type = "openai"
model_name = "mock"
api_base = "http://127.0.0.1:{engine}/v1/"
api_key_location = "none"
"""

# TensorZero publishes no program for pip; its Python package starts the same gateway over HTTP.
TENSORZERO_START = """import asyncio, pathlib, tensorzero
async def main():
    gateway = tensorzero._start_http_gateway(config_file="{folder}/tensorzero.toml", clickhouse_url=None,
        postgres_url=None, valkey_url=None, async_setup=True)
    gateway = await gateway
    pathlib.Path("{folder}/url").write_text(gateway.base_url)
    await asyncio.Event().wait()
asyncio.run(main())
"""

LITELLM = """model_list:
  - model_name: mock
    litellm_params: {{model: openai/mock, api_base: "http://127.0.0.1:{engine}/v1", api_key: none}}
"""


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(words, log, **more):
    """A process in a session of its own."""
    with open(log, "wb") as out:
        return subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=out,
                                stderr=subprocess.STDOUT, start_new_session=True, **more)


def stop(process):
    """Ends a process and all that it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(15)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def end_services(folder):
    """Ends what runs from programs in this folder: a stopped platform leaves its services running."""
    for one in pathlib.Path("/proc").iterdir():
        try:
            if one.name.isdigit() and pathlib.Path(os.readlink(one / "exe")).is_relative_to(folder.resolve()):
                os.kill(int(one.name), signal.SIGKILL)
        except OSError:
            continue


def command(program, home, place, words, project=None):
    """What a command of ours answers; `place` is the platform's address and a key."""
    around = dict(os.environ, HOME=str(home), COCARDE_SERVER=place[0], COCARDE_TOKEN=place[1])
    around |= {"COCARDE_PROJECT": project} if project else {}
    done = subprocess.run([str(program), *map(str, words), "-o", "json"], env=around, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def wait(what, answered):
    """Asks again until the answer is true."""
    deadline = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline:
        try:
            if answer := answered():
                return answer
        except (OSError, ValueError):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{what}: not after {READY_S_MAX} s")


def answers(url, model, key):
    """Whether a completion is answered."""
    body = json.dumps({"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "un"}]}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    with OPENER.open(urllib.request.Request(f"{url}/chat/completions", body, headers), timeout=5) as answer:
        return "choices" in json.load(answer)


class Stand:
    """A gateway that runs: where it is, by what name it knows the model, and which process to look at."""

    def __init__(self, process, url, pid=None, model="mock", keys=("none",)):
        self.process, self.url, self.model, self.keys = process, url, model, keys
        self.key, self.pid = keys[0], pid or process.pid


def ours(config, folder, engine):
    """The whole platform. Its endpoint's service is the mock: the folder of the running program comes first on
    a service's path, and there the name `cocarde` starts the mock in the place of our own engine."""
    programs = folder / "programs"
    programs.mkdir(parents=True)
    program = programs / "cocarde-up"
    shutil.copy2(config.cocarde, program)
    os.link(program, programs / "mock-engine")
    stub = programs / "cocarde"
    stub.write_text('#!/bin/sh\nwhile [ $# -gt 0 ]; do case "$1" in --port) port=$2; shift;; esac; shift; done\n'
                    'exec "$(dirname "$(command -v cocarde)")/mock-engine" bench upstream --listen "127.0.0.1:$port"\n')
    stub.chmod(0o755)
    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text('{"architectures":["Mock"]}')
    (model / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    ready, token = folder / "ready", folder / "token"
    up = start([program, "up", "--data", folder / "data", "--listen", "127.0.0.1:0", "--ready-file", ready,
                "--token-file", token], folder / "log")
    url = wait("`cocarde up`", lambda: ready.exists() and ready.read_text().strip().rstrip("/"))

    def run(*words):
        return command(program, folder, (url, token.read_text().strip()), words, "bench/one")

    run("org", "create", "bench")
    run("project", "create", "bench/one")
    run("budget", "create", "tokens", "--limit", "1000000 M tokens")
    run("model", "create", "mock")
    run("model", "add-version", "mock", model)
    # A service takes 256 requests at once.
    run("endpoint", "create", "mock", "--model", "one/mock@v1", "--replicas", 4)
    # A key may have 64 requests in flight: a crowd takes several.
    keys = [run("key", "create", f"load-{number}", "--role", "inference")["secret"] for number in range(N_CROWD)]
    return Stand(up, f"{url}/v1", keys=keys)


def nginx(_config, folder, _engine):
    """A bare reverse proxy: the limit to approach."""
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, engine=_engine, port=port))
    master = start([shutil.which("nginx") or "/usr/sbin/nginx", "-c", folder / "nginx.conf"], folder / "log")
    worker = wait("nginx", lambda: subprocess.run(
        ["pgrep", "-P", str(master.pid)], capture_output=True, text=True).stdout.split())
    return Stand(master, f"http://127.0.0.1:{port}/v1", pid=int(worker[0]))


def router(module, level, *more):
    """One of the three routers that share an ancestor and a command line."""
    def begin(config, folder, engine):
        port = free_port()
        words = [config.python, "-m", module, "--worker-urls", f"http://127.0.0.1:{engine}", "--host", "127.0.0.1",
                 "--port", port, "--prometheus-port", free_port(), "--log-level", level, *more]
        return Stand(start(words, folder / "log"), f"http://127.0.0.1:{port}/v1")
    return begin


def tensorzero(config, folder, engine):
    """Without its database, which only makes it faster."""
    (folder / "tensorzero.toml").write_text(TENSORZERO.format(engine=engine))
    (folder / "start.py").write_text(TENSORZERO_START.format(folder=folder))
    process = start([config.python, folder / "start.py"], folder / "log")
    url = wait("tensorzero", lambda: (folder / "url").exists() and (folder / "url").read_text())
    return Stand(process, url, model="tensorzero::model_name::mock")


def litellm(config, folder, engine):
    """The Python proxy with one worker."""
    port = free_port()
    (folder / "litellm.yaml").write_text(LITELLM.format(engine=engine))
    words = [config.python.parent / "litellm", "--config", folder / "litellm.yaml", "--port", port, "--host", "127.0.0.1"]
    return Stand(start(words, folder / "log"), f"http://127.0.0.1:{port}/v1")


PEERS = {
    "ours": ours,
    "nginx": nginx,
    "sglang": router("sglang_router.launch_router", "warn"),
    "vllm": router("vllm_router.launch_router", "warning"),
    "smg": router("smg.launch_router", "warn"),
    "tensorzero": tensorzero,
    "litellm": litellm,
}


def load(config, stand, *more, seconds=None):
    """One run of the load generator; its report."""
    words = [config.cocarde, "bench", "gateway", "--url", stand.url, "--model", stand.model, "--token", stand.key,
             "--seconds", str(seconds or config.seconds), "--connections", str(config.connections),
             "--pid", str(stand.pid), "-o", "json", *map(str, more)]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"exit code {done.returncode}: {done.stdout}")
    return json.loads(done.stdout)


def measure(config, stand):
    """All figures of one gateway."""
    load(config, stand, seconds=1)  # Connections, caches and compilers are warm.
    rate = ("--rate", config.rate)
    return {
        "json": load(config, stand),
        "stream": load(config, stand, "--stream"),
        "json_32k": load(config, stand, "--prompt-tokens", 8192),
        "json_rate": load(config, stand, *rate),
        "stream_rate": load(config, stand, "--stream", "--rate", config.stream_rate),
        "crowd_mib": crowd(config, stand),
    }


def resident_mib(pid):
    """Memory of a process that is in use now."""
    fields = dict(one.split(":", 1) for one in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) >> 10


def crowd(config, stand):
    """The most memory while 1,008 streams of 256 tokens are open, in each of three rounds."""
    rounds = []
    for _ in range(3):
        words = [config.cocarde, "bench", "gateway", "--url", stand.url, "--model", stand.model, "--stream",
                 "--output-tokens", 256, "--seconds", 3, "--connections", CROWD_CONNECTIONS, "-o", "json"]
        generators = [start([*words, "--token", stand.keys[number % len(stand.keys)]], os.devnull)
                      for number in range(N_CROWD)]
        most = 0
        while any(one.poll() is None for one in generators):
            most = max(most, resident_mib(stand.pid))
            time.sleep(0.2)
        if any(one.returncode for one in generators):
            raise RuntimeError("a load generator of the crowd failed")
        rounds.append(most)
    return rounds


def line(name, figures, direct):
    """A line of the table."""
    if "error" in figures:
        return f"| {name} | {figures['error'][:60]} |"
    json_, stream = figures["json"], figures["stream"]

    def bad(one):
        lost = one["requests"] - one["statuses"].get("200", 0)
        return f" ({lost} failed)" if lost else ""

    def added(kind, what, quantile):
        return figures[kind][what][quantile] - direct[kind][what][quantile]

    def cpu(one):
        return one["process"]["cpu_us_per_request"] if name != "none" else "–"

    resident = json_["process"]["resident_bytes"] >> 20
    rounds = " · ".join(str(one) for one in figures["crowd_mib"])
    return (f"| {name} | {json_['answers_per_s']:,.0f}{bad(json_)} | {cpu(json_)} | {stream['answers_per_s']:,.0f}{bad(stream)}"
            f" | {cpu(stream)} | {figures['json_32k']['answers_per_s']:,.0f} | {cpu(figures['json_32k'])}"
            f" | {added('json_rate', 'due_to_end', 'p50_ms'):.2f} / {added('json_rate', 'due_to_end', 'p99_ms'):.2f}"
            f" | {added('stream_rate', 'ttft', 'p50_ms'):.2f} / {added('stream_rate', 'ttft', 'p99_ms'):.2f} | {resident} | {rounds} |")


def install(folder):
    """The peers that pip has, pinned."""
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "--no-deps", "-r", HERE / "requirements.txt"], check=True)
    return folder / "bin" / "python"


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("cocarde", type=pathlib.Path)
    words.add_argument("--peers", default="nginx,sglang,vllm,tensorzero", help=f"of {', '.join(PEERS)}; ours is always measured")
    words.add_argument("--seconds", type=int, default=8, help="of each load")
    words.add_argument("--connections", type=int, default=64)
    words.add_argument("--rate", type=int, default=1000, help="JSON requests a second of the open loop")
    words.add_argument("--stream-rate", type=int, default=200, help="streams a second of the open loop")
    words.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp/cocarde-peers"))
    words.add_argument("--out", type=pathlib.Path, help="a file for all reports as JSON")
    config = words.parse_args()
    config.cocarde = config.cocarde.resolve()
    config.folder.mkdir(parents=True, exist_ok=True)
    names = ["ours", *(name for name in config.peers.split(",") if name and name != "ours")]
    needs_pip = [name for name in names if name not in ("ours", "nginx")]
    config.python = install(config.folder / "venv") if needs_pip else pathlib.Path(sys.executable)
    engine = free_port()
    mock = start([config.cocarde, "bench", "upstream", "--listen", f"127.0.0.1:{engine}"], config.folder / "mock.log")
    results = {}
    try:
        direct = Stand(mock, f"http://127.0.0.1:{engine}/v1")
        wait("the mock", lambda: answers(direct.url, "mock", "none"))
        results["none"] = measure(config, direct)
        for name in names:
            folder = config.folder / name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            print(f"-- {name}", file=sys.stderr, flush=True)
            stand = None
            try:
                stand = PEERS[name](config, folder, engine)
                wait(name, lambda: answers(stand.url, stand.model, stand.key))
                results[name] = measure(config, stand)
            except (OSError, RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
                results[name] = {"error": str(error)}
            finally:
                if stand:
                    stop(stand.process)
                end_services(folder)
    finally:
        stop(mock)
    print("| gateway | JSON/s | CPU µs | streams/s | CPU µs | 32 kB/s | CPU µs"
          f" | added at {config.rate}/s p50 / p99, ms | first token, added at {config.stream_rate}/s p50 / p99, ms | RSS MiB | RSS MiB, 1,008 streams, three rounds |")
    print("|" + "---|" * 11)
    for name, figures in results.items():
        print(line(name, figures, results["none"]))
    if config.out:
        config.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
