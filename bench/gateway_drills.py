"""Drills of the gateway with real processes: exactness under kills, fairness between tenants, a long crowd.

    python bench/gateway_drills.py target/release/cocarde exactness --requests 1000000
    python bench/gateway_drills.py target/release/cocarde fairness
    python bench/gateway_drills.py target/release/cocarde crowd --seconds 3600
    python bench/gateway_drills.py target/release/cocarde outage --seconds 600

Each starts a platform with a mock engine behind an endpoint (`cocarde bench upstream`), and for *exactness* and
*outage* a gateway apart; prints what was found as JSON and ends with 1 if a bar is not held. Must never take a
figure from the gateway alone: what clients got stands against what the log has.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from gateway_peers import OPENER, answers, command, free_port, load, resident_mib, start, stop, Stand, wait

# Longest answer that a request of the drill asks for.
TOKENS_MAX = 32


class World:
    """A platform, a mock engine behind the endpoint `mock`, and if asked for a gateway apart."""

    def __init__(self, cocarde, folder, mock=(), engine=()):
        self.cocarde, self.folder = cocarde.resolve(), folder
        self.listen, self.apart_listen = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.ready, self.token = folder / "ready", folder / "token"
        self.platform = self.apart = None
        port = free_port()
        self.mock = start([self.cocarde, "bench", "upstream", "--listen", f"127.0.0.1:{port}", *mock], folder / "mock.log")
        self.start_platform()
        self.url = f"http://{self.listen}"
        self.operator = self.token.read_text().strip()
        self.tenants = {}
        sites = self.run("site", "list")
        self.site = (sites["items"] if isinstance(sites, dict) else sites)[0]["name"]
        self.run("upstream", "create", "mock", "--private", "--site", self.site, "--model", "mock",
                 "--url", f"http://127.0.0.1:{port}/v1", *engine)

    def start_platform(self):
        self.ready.unlink(missing_ok=True)
        words = ["up", "--data", self.folder / "data", "--listen", self.listen, "--ready-file", self.ready]
        if not self.token.exists():
            words += ["--token-file", self.token]
        self.platform = start([self.cocarde, *words], self.folder / "up.log")
        wait("`cocarde up`", self.ready.exists)

    def start_apart(self):
        ready = self.folder / "apart-ready"
        ready.unlink(missing_ok=True)
        words = ["gateway", "--control", self.url, "--token-file", self.token, "--data", self.folder / "apart",
                 "--listen", self.apart_listen, "--ready-file", ready]
        self.apart = start([self.cocarde, *words], self.folder / "apart.log")
        wait("`cocarde gateway`", ready.exists)
        return f"http://{self.apart_listen}"

    def run(self, *words, project=None):
        return command(self.cocarde, self.folder, (self.url, self.operator), words, project)

    def tenant(self, name, endpoint, keys=1):
        """An organisation with a project, keys for inference, and an endpoint over the mock."""
        project = f"{name}/one"
        self.run("org", "create", name)
        self.run("project", "create", project)
        self.run("budget", "create", "tokens", "--limit", "1000000 M tokens", project=project)
        self.run("endpoint", "create", endpoint, "--upstream", "mock", project=project)
        return [self.run("key", "create", f"load-{number}", "--role", "inference", project=project)["secret"]
                for number in range(keys)]

    def recorded(self):
        """Requests and tokens that the log has, by key."""
        self.run("cost", project="bench/one")  # Whoever asks for a bill closes the minute of the platform's own gateway.
        sums, after = {}, 0
        while True:
            page = self.run("events", "--limit", 1000, "--after", after)
            if not page["items"]:
                return sums
            after = page["items"][-1]["seq"]
            for event in page["items"]:
                tokens = event["data"].get("usage", {}).get("tokens") if isinstance(event["data"], dict) else None
                if tokens:
                    sum_ = sums.setdefault(tokens["key"], [0, 0, 0])
                    for place, what in enumerate(("requests", "tokens_in", "tokens_out")):
                        sum_[place] += tokens[what]

    def stop(self):
        for process in (self.apart, self.platform, self.mock):
            if process and process.poll() is None:
                stop(process)


def lists(url, secret):
    """Whether the gateway knows the endpoint; nothing is asked of it that would be counted."""
    request = urllib.request.Request(f"{url}/v1/models", headers={"Authorization": f"Bearer {secret}"})
    with OPENER.open(request, timeout=5) as answer:
        return any(one["id"] == "mock" for one in json.load(answer)["data"])


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def client(number, address, secret, count, pause_s, done, out):
    """Asks `count` times, one after another, every third time for a stream; what was acknowledged, and what the
    requests that broke could have been counted as at most."""
    draw = random.Random(number)
    sums = {"answered": 0, "read": 0, "written": 0, "broken": 0, "broken_written_max": 0, "refused": {}}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
    connection = None
    while sums["answered"] < count:
        time.sleep(pause_s)
        tokens, stream = draw.randint(1, TOKENS_MAX), draw.random() < 1 / 3
        body = {"model": "mock", "max_tokens": tokens, "messages": [{"role": "user", "content": "un deux trois"}]}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        try:
            if connection is None:
                connection = http.client.HTTPConnection(address, timeout=30)
                connection.connect()
        except OSError:
            connection = None
            time.sleep(0.05)
            continue
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                sums["refused"][str(answer.status)] = sums["refused"].get(str(answer.status), 0) + 1
                time.sleep(0.01)
                continue
            if stream:
                if not text.endswith(b"data: [DONE]\n\n"):
                    raise ValueError("no end")
                usage = json.loads(text.split(b"\n\n")[-3].removeprefix(b"data: "))["usage"]
            else:
                usage = json.loads(text)["usage"]
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
            connection = None
            sums["broken"] += 1
            sums["broken_written_max"] += tokens
            continue
        if usage["completion_tokens"] != tokens:
            raise AssertionError(f"asked for {tokens}, got {usage}")
        sums["answered"] += 1
        sums["read"] += usage["prompt_tokens"]
        sums["written"] += tokens
        if sums["answered"] % 100 == 0:
            done.value = sums["answered"]
    done.value = sums["answered"]
    out.put(sums)


def ask(config, url, secrets):
    """Clients at work: their counters and their results to come."""
    out = multiprocessing.Queue()
    counters, processes = [], []
    for number, secret in enumerate(secrets):
        counters.append(multiprocessing.Value("Q", 0))
        arguments = (number, url.removeprefix("http://"), secret, config.requests // len(secrets),
                     config.pause_ms / 1000, counters[-1], out)
        processes.append(multiprocessing.Process(target=client, args=arguments, daemon=True))
        processes[-1].start()
    return counters, processes, out


def add_up(processes, out):
    total = {}
    for _ in processes:
        for name, value in out.get(timeout=7200).items():
            if isinstance(value, dict):
                for status, times in value.items():
                    total.setdefault(name, {})[status] = total.get(name, {}).get(status, 0) + times
            else:
                total[name] = total.get(name, 0) + value
    return total


def verdict(world, total):
    """What clients have against what the log has."""
    if world.apart and world.apart.poll() is None:
        stop(world.apart)
    recorded = [sum(column) for column in zip(*world.recorded().values())]
    requests, tokens_in, tokens_out = recorded
    each = total["read"] // max(total["answered"], 1)
    spare = requests - total["answered"]
    return {
        "clients": total,
        "log": {"requests": requests, "tokens_in": tokens_in, "tokens_out": tokens_out},
        "each acknowledged answer is in the log": spare >= 0 and tokens_out >= total["written"],
        "none is there twice": spare <= total["broken"] and tokens_out <= total["written"] + total["broken_written_max"],
        "tokens read are those of the requests": total["read"] == each * total["answered"] and tokens_in <= each * requests
        and tokens_in >= each * total["answered"],
    }


def exactness(config, folder):
    """Many requests while gateway and platform are killed in turn."""
    world = World(config.cocarde, folder)
    try:
        secrets = world.tenant("bench", "mock", config.clients)
        url = world.start_apart()
        wait("the endpoint", lambda: lists(url, secrets[0]))
        counters, processes, out = ask(config, url, secrets)
        draw, kills = random.Random(1), {"gateway": 0, "platform": 0}
        while any(process.is_alive() for process in processes) and sum(c.value for c in counters) < config.requests * 0.99:
            time.sleep(draw.uniform(0, 2 * config.kill_every))
            if draw.random() < 0.5:
                kill(world.apart)
                kills["gateway"] += 1
                world.start_apart()
            else:
                kill(world.platform)
                kills["platform"] += 1
                time.sleep(draw.uniform(0, 3))
                world.start_platform()
            print(f"{sum(c.value for c in counters)} answered, {kills}", file=sys.stderr, flush=True)
        total = add_up(processes, out)
        return verdict(world, total) | {"kills": kills}
    finally:
        world.stop()


def outage(config, folder):
    """The platform is away for long; the gateway serves on, is killed and started again meanwhile."""
    world = World(config.cocarde, folder)
    try:
        secrets = world.tenant("bench", "mock", config.clients)
        url = world.start_apart()
        wait("the endpoint", lambda: lists(url, secrets[0]))
        kill(world.platform)
        began = time.monotonic()
        counters, processes, out = ask(config, url, secrets)
        time.sleep(config.seconds / 2)
        kill(world.apart)
        world.start_apart()
        time.sleep(max(0, began + config.seconds - time.monotonic()))
        while_away = sum(counter.value for counter in counters)
        world.start_platform()
        total = add_up(processes, out)
        return verdict(world, total) | {"away_s": config.seconds, "answered while away": while_away}
    finally:
        world.stop()


def fairness(config, folder):
    """A polite tenant alone, and beside one that asks a hundred times as often as its limit allows."""
    # Eight places of about 100 ms: 80 answers a second at most.
    world = World(config.cocarde, folder, ["--first-token-ms", "20", "--gap-ms", "10", "--tokens", "8"], ["--in-flight-max", "8"])
    try:
        polite, noisy = (world.tenant(name, f"mock-{name}")[0] for name in ("polite", "noisy"))
        if config.limited:
            world.run("limit", "set", "--requests-per-minute", 300, project="noisy/one")
        found = {}
        stands = {name: Stand(world.platform, f"{world.url}/v1", model=f"mock-{name}", keys=(key,))
                  for name, key in (("polite", polite), ("noisy", noisy))}
        wait("the endpoint", lambda: answers(stands["polite"].url, stands["polite"].model, polite))
        settings = argparse.Namespace(cocarde=config.cocarde.resolve(), seconds=config.seconds, connections=32)
        usual = ("--rate", 30, "--output-tokens", 8)
        load(settings, stands["polite"], *usual, seconds=2)
        found["alone"] = load(settings, stands["polite"], *usual)
        words = [config.cocarde.resolve(), "bench", "gateway", "--url", stands["noisy"].url, "--model", "mock-noisy", "--token", noisy,
                 "--rate", 500 if config.limited else 2000, "--output-tokens", 8, "--seconds", config.seconds + 12, "--connections", 256, "-o", "json"]
        with open(folder / "noisy.json", "wb") as out:
            other = subprocess.Popen([str(word) for word in words], stdout=out, start_new_session=True)
            # The minute's worth that a limit lets through at once is over.
            time.sleep(10)
            found["beside"] = load(settings, stands["polite"], *usual)
            other.wait()
        found["noisy"] = json.loads((folder / "noisy.json").read_text())
        good = {name: found[name]["statuses"].get("200", 0) for name in ("alone", "beside")}
        p99 = {name: found[name]["due_to_end"]["p99_ms"] for name in ("alone", "beside")}
        return {
            "answers": good, "p99_ms": p99, "statuses": {name: one["statuses"] for name, one in found.items()},
            "nine tenths of the answers": good["beside"] >= 0.9 * good["alone"],
            "less than twice the p99": p99["beside"] < 2 * p99["alone"],
        }
    finally:
        world.stop()


def crowd(config, folder):
    """The gateway's memory with 1,008 streams open, for long."""
    world = World(config.cocarde, folder, ["--gap-ms", "500"], ["--in-flight-max", "2000"])
    try:
        secrets = world.tenant("bench", "mock", 16)
        url = world.start_apart() if config.apart else world.url
        process = world.apart or world.platform
        wait("the endpoint", lambda: lists(url, secrets[0]))
        words = [config.cocarde.resolve(), "bench", "gateway", "--url", f"{url}/v1", "--model", "mock", "--stream",
                 "--output-tokens", 64, "--seconds", config.seconds, "--connections", 63, "-o", "json"]
        generators = [start([*words, "--token", secret], folder / f"load-{number}.json") for number, secret in enumerate(secrets)]
        seen = []
        while any(one.poll() is None for one in generators):
            time.sleep(10)
            seen.append(resident_mib(process.pid))
            if len(seen) % 30 == 0:
                print(f"{len(seen) * 10} s: {seen[-1]} MiB", file=sys.stderr, flush=True)
        statuses = {}
        for number in range(len(secrets)):
            for status, times in json.loads((folder / f"load-{number}.json").read_text())["statuses"].items():
                statuses[status] = statuses.get(status, 0) + times
        tenth = max(len(seen) // 10, 1)
        first, last = (sorted(part)[len(part) // 2] for part in (seen[tenth:2 * tenth] or seen, seen[-tenth:]))
        return {"statuses": statuses, "rss_mib": {"most": max(seen), "second tenth": first, "last tenth": last,
                                                  "every tenth": seen[::tenth]},
                "flat": last <= first * 1.05 + 1}
    finally:
        world.stop()


DRILLS = {"exactness": exactness, "outage": outage, "fairness": fairness, "crowd": crowd}


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("cocarde", type=pathlib.Path)
    words.add_argument("drill", choices=DRILLS)
    words.add_argument("--requests", type=int, default=20_000, help="of all clients together")
    words.add_argument("--clients", type=int, default=8)
    words.add_argument("--pause-ms", type=float, default=0, help="of each client between two requests")
    words.add_argument("--kill-every", type=float, default=4, help="seconds between two kills, on average")
    words.add_argument("--seconds", type=int, default=20)
    words.add_argument("--apart", action="store_true", help="the crowd asks a gateway apart")
    words.add_argument("--unlimited", dest="limited", action="store_false", help="the noisy tenant has no limit at all")
    config = words.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cocarde-drill-"))
    try:
        found = DRILLS[config.drill](config, folder)
    except BaseException:
        print(f"what was written is in {folder}", file=sys.stderr)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found, indent=1))
    sys.exit(0 if all(value for value in found.values() if isinstance(value, bool)) else 1)


if __name__ == "__main__":
    main()
