"""A certified OpenID Provider signs people in here: in the browser (code and PKCE) and from the command line
(device flow), their groups follow the claims, and a token with anything false in it opens nothing.

`check_oidc.py COCARDE`. Installs the npm package `oidc-provider` as `oidc/package-lock.json` pins it.
"""

import http.cookiejar
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from checks import Checks, arguments

HERE = pathlib.Path(__file__).resolve().parent / "oidc"
SECONDS_MAX = 60
SECRET = "a secret with & and : in it"


def free_port():
    """A port of loopback that nobody has now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait(what, answered):
    """Asks again until the answer is true; the deadline is a failure."""
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            if answer := answered():
                return answer
        except OSError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"{what}: not after {SECONDS_MAX} s")


class Browser:
    """A browser without scripts: cookies, redirects one by one, forms by hand."""

    def __init__(self):
        jar = http.cookiejar.CookieJar()
        stay = type("Stay", (urllib.request.HTTPRedirectHandler,), {"redirect_request": lambda *_: None})
        self.jar = jar
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar), stay
        )

    def once(self, url, form=None, origin=None):
        """One answer: status, where it leads, and the page."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        request = urllib.request.Request(url, data, {"Origin": origin} if origin else {})
        try:
            answer = self.opener.open(request, timeout=SECONDS_MAX)
        except urllib.error.HTTPError as refused:
            answer = refused
        to = answer.headers.get("Location")
        return answer.status, urllib.parse.urljoin(url, to) if to else None, answer.read().decode()

    def until(self, url, stop=None):
        """Follows redirects; stops before an address that begins with `stop`."""
        for _ in range(20):
            if stop and url.startswith(stop):
                return 0, url, ""
            status, to, page = self.once(url)
            if not to:
                return status, url, page
            url = to
        raise RuntimeError(f"no end of redirects at {url}")

    def is_signed_in(self):
        """Whether our console has given it a session."""
        return any(cookie.name == "cocarde_session" for cookie in self.jar)

    def leave(self, url):
        """The way to the provider; after failures it opens only in a while, which is waited for."""
        return wait("another attempt is allowed", lambda: self.once(url)[1])

    def agree(self, url, login, stop=None):
        """Signs in at the provider and consents, wherever its forms lead."""
        status, url, page = self.until(url, stop)
        while page and (action := re.search(r'<form[^>]*action="([^"]+)"', page)):
            form = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page))
            if 'name="login"' in page:
                form |= {"login": login, "password": "x"}
            target = urllib.parse.urljoin(url, action.group(1).replace("&amp;", "&"))
            status, to, page = self.once(target, form)
            if to:
                status, url, page = self.until(to, stop)
            else:
                url = target
        return status, url, page


class Api:
    """Our API with the operator's key."""

    def __init__(self, base, token):
        self.base, self.token = base, token
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        with self.opener.open(request, timeout=SECONDS_MAX) as answer:
            return json.load(answer)


def start(command, log, **more):
    """A process of its own group, so that it can be ended with what it started."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **more)


def end(process):
    """Ends a process that this check started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def install():
    """The pinned packages, without their scripts."""
    if not (HERE / "node_modules/oidc-provider").exists():
        npm = shutil.which("npm") or "npm"
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            cwd=HERE, check=True, timeout=300,
        )


def furnish(api, issuer):
    """An organisation whose staff may read, signed in at the provider; answers the provider's id and the group's."""
    api.call("POST", "/api/v1/organisations", {"name": "acme"})
    group = api.call("POST", "/api/v1/groups", {"organisation": "acme", "name": "staff"})["id"]
    api.call("POST", "/api/v1/bindings", {"role": "viewer", "group": group, "scope": "acme"})
    config = {
        "issuer": issuer, "client_id": "cocarde", "client_secret": SECRET, "creates_users": True,
        "listed": True, "groups": [{"claim": "staff", "group": group}],
    }
    new = {"organisation": "acme", "name": "sso", "config": config}
    return api.call("POST", "/api/v1/identity-providers", new)["id"], group


def in_browser(checks, base, issuer, provider):
    """The authorisation code flow, its lies and its mixed-up attempts."""
    begin, back = f"{base}/sign-in/{provider}?next=%2Fworkloads", f"{base}/sign-in/callback"
    browser = Browser()
    _, _, page = browser.once(f"{base}/login")
    checks.that(f"/sign-in/{provider}" in page, "the sign-in page names the provider")
    status, to, _ = browser.once(begin)
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(to).query)
    checks.that(
        status == 303 and to.startswith(issuer) and asked["code_challenge_method"] == ["S256"],
        "the way there has PKCE, state and nonce", ", ".join(sorted(asked)),
    )
    status, url, page = browser.agree(to, "staff-ada")
    checks.that(status == 200 and url.startswith(back) and 'url=/workloads"' in page, "a person signs in")
    status, _, _ = browser.once(f"{base}/workloads")
    checks.that(status == 200, "and may read what their group may")
    status, _, _ = browser.once(url)
    checks.that(status == 401, "the way back is walked once")

    stranger = Browser()
    status, _, _ = stranger.agree(begin, "guests-eve")
    outside, _, _ = stranger.once(f"{base}/workloads")
    checks.that(status == 200 and outside == 403, "whoever is in no group may nothing", f"status {outside}")

    for lie in ("audience", "issuer", "nonce", "expired", "key"):
        Browser().once(f"{issuer}/lie?what={lie}")
        liar = Browser()
        status, _, page = liar.agree(liar.leave(begin), "staff-mallory")
        signed_in = liar.is_signed_in()
        checks.that(status == 401 and not signed_in, f"a token with a false {lie} opens nothing", f"status {status}")
    Browser().once(f"{issuer}/lie?what=")

    # The browser asks for another nonce than ours: a token that was made for another attempt.
    swapped = Browser()
    to = swapped.leave(begin)
    other = re.sub(r"nonce=[^&]+", "nonce=of-another-attempt", to)
    status, _, page = swapped.agree(other, "staff-ada")
    checks.that(status == 401 and "nonce" in page, "a nonce of another attempt is refused")
    mixed = Browser()
    to = mixed.leave(begin)
    _, url, _ = mixed.agree(to, "staff-ada", stop=back)
    status, _, _ = mixed.once(re.sub(r"state=[^&]+", "state=made-up", url))
    checks.that(status == 401, "a state that was never given is refused")
    to = mixed.leave(begin)
    _, first, _ = mixed.agree(to, "staff-ada", stop=back)
    victim = Browser()
    status, _, _ = victim.once(first)
    checks.that(status == 401 and not victim.is_signed_in(), "another browser is not signed in")


def on_command_line(checks, cocarde, base, issuer, folder):
    """The device flow: the command line waits while somebody agrees in a browser."""
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    words = [cocarde, "login", base, "--issuer", issuer, "--name", "work"]
    waiting = subprocess.Popen(
        words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    address = None
    for line in waiting.stdout:
        if found := re.search(r"open (http\S+)", line):
            address = found.group(1)
            break
    checks.that(address and address.startswith(issuer), "the command line shows where to sign in", str(address))
    browser = Browser()
    status, url, page = browser.until(address)
    # The page asks whether the code is the one shown; then it is signed in and agreed to.
    browser.agree(address, "staff-grace")
    waiting.wait(SECONDS_MAX)
    checks.that(waiting.returncode == 0, "the command line is signed in", waiting.stdout.read().strip()[-200:])

    def run(*words):
        return subprocess.run([cocarde, *words], env=environment, capture_output=True, text=True, timeout=SECONDS_MAX)

    listed = run("org", "list", "-o", "json")
    checks.that(listed.returncode == 0 and "acme" in listed.stdout, "and reads what the group may", listed.stderr[-200:])
    settings = (folder / ".config/cocarde/config.json").read_text()
    token = json.loads(settings)["contexts"]["work"]["token"]
    checks.that(token.startswith("ccs_"), "what is remembered is a session")
    checks.that(run("logout").returncode == 0, "it signs out")
    after = run("org", "list", "--server", base, "--token", token)
    checks.that(after.returncode != 0 and "session" in after.stderr, "and the session is over on the platform")


def main():
    (cocarde,) = arguments("check_oidc.py COCARDE")
    cocarde = str(pathlib.Path(cocarde).resolve())
    checks = Checks("oidc")
    install()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        log = open(folder / "log", "w")
        ready, token = folder / "ready", folder / "token"
        words = [cocarde, "up", "--data", str(folder / "data"), "--listen", "127.0.0.1:0"]
        words += ["--ready-file", str(ready), "--token-file", str(token)]
        platform = start(words, log)
        provider = None
        try:
            wait("`cocarde up` is ready", lambda: ready.exists() and ready.read_text().strip())
            base = ready.read_text().strip().rstrip("/")
            port = free_port()
            issuer = f"http://127.0.0.1:{port}"
            node = [shutil.which("node") or "node", "provider.mjs", str(port), f"{base}/sign-in/callback"]
            provider = start(node, log, cwd=HERE)
            wait("the provider answers", lambda: Browser().once(f"{issuer}/.well-known/openid-configuration")[0] == 200)
            id, _ = furnish(Api(base, token.read_text().strip()), issuer)
            in_browser(checks, base, issuer, id)
            on_command_line(checks, cocarde, base, issuer, folder)
        finally:
            end(platform)
            if provider:
                end(provider)
            log.close()
            if checks.failed:
                print((folder / "log").read_text()[-4000:], flush=True)
    checks.end()


if __name__ == "__main__":
    main()
