"""What the checks share: counting, plain lines, an exit code that tells the truth.

A check that checked nothing is a failure. Nothing here knows what is checked.
"""

import hashlib
import os
import sys
import urllib.request

SECONDS_MAX = 60

# Before any client is imported: nothing may reach out, and a proxy is none of loopback's business.
for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ[name] = "1"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


class Checks:
    """Counts what held and what did not."""

    def __init__(self, title):
        self.title, self.held, self.failed = title, 0, 0

    def that(self, holds, what, detail=""):
        """Records one check; goes on after a failure, so that one run shows them all."""
        self.held, self.failed = self.held + bool(holds), self.failed + (not holds)
        mark = "ok  " if holds else "FAIL"
        print(f"{mark} {self.title}: {what}{f' ({detail})' if detail else ''}", flush=True)
        return bool(holds)

    def raises(self, error, call, what):
        """Records that a call fails, and with this error."""
        try:
            call()
        except error as caught:
            return self.that(True, what, type(caught).__name__)
        except Exception as caught:  # Any other error is the finding.
            return self.that(False, what, f"{type(caught).__name__}: {caught}")
        return self.that(False, what, "no error at all")

    def end(self):
        """Ends the process: 0 only when something was checked and all of it held."""
        good = self.held > 0 and self.failed == 0
        print(f"{self.title}: {self.held} held, {self.failed} failed", flush=True)
        sys.exit(0 if good else 1)


def arguments(usage):
    """The command line's arguments, exactly as many as the usage names."""
    names = usage.split()[1:]
    if len(sys.argv) != len(names) + 1:
        print(f"usage: {usage}", file=sys.stderr)
        sys.exit(2)
    return sys.argv[1:]


def fetch(url, token=None):
    """The bytes behind a URL."""
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=SECONDS_MAX) as answer:
        return answer.read()


def sha256(*parts):
    """SHA-256 of the parts, one after the other."""
    return hashlib.sha256(b"".join(parts)).digest()
