"""The `openai` package of npm works against the gateway: `check_npm.py BASE_URL KEY MODEL MOCK`.

Installs the package as `npm/package-lock.json` pins it, in a folder of its own, and lets `npm/check.mjs` ask.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from checks import arguments

HERE = pathlib.Path(__file__).resolve().parent / "npm"
SECONDS_MAX = 120


def main():
    words = arguments("check_npm.py BASE_URL KEY MODEL MOCK")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json", "check.mjs"):
            shutil.copy(HERE / name, folder)
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"],
                       cwd=folder, check=True, timeout=SECONDS_MAX)
        code = subprocess.run(["node", "check.mjs", *words], cwd=folder, timeout=SECONDS_MAX,
                              env=os.environ).returncode
    sys.exit(code)


if __name__ == "__main__":
    main()
