"""Makes PyPI's torch importable on a machine without the CUDA libraries, which it never uses here.

PyPI has no CPU build of torch for x86-64 Linux: the wheel is linked against a dozen CUDA libraries
that would be several gigabytes more to download. This script builds, next to torch's own libraries,
an empty stand-in for each one that is missing. A stand-in exports the names that torch's libraries
ask the loader for; every one of them aborts the process, so a stand-in can never return a wrong
number: either CUDA is not used, or the check dies loudly.

Needs `cc` and `readelf` (both come with the C compiler that Rust needs). Does nothing on a torch
that imports already. Usage: torch_without_cuda.py  (with the interpreter of the environment).
"""

import pathlib
import re
import subprocess
import sys
import sysconfig
import tempfile

UNDEFINED = re.compile(r"\sUND\s+(?P<name>\w+)(@(?P<version>[\w.]+))?")
# Some of the libraries name no versions; their functions are known by their prefixes.
UNVERSIONED = re.compile(r"(cu[a-zA-Z]|nccl|nvshmem)\w+$")
NEEDED_FILE = re.compile(r"Version: \d+\s+File: (?P<file>\S+)")
NEEDED_NAME = re.compile(r"Name: (?P<version>\S+)\s+Flags:")
SHARED = re.compile(r"\(NEEDED\).*\[(?P<file>[^\]]+)\]")


def readelf(flag, path):
    """What readelf says about a library, one line per fact."""
    done = subprocess.run(
        ["readelf", flag, "-W", str(path)], check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def wanted_names(library):
    """{file: {version: {names}}} that a library wants; names without a version have no file."""
    file_of_version, file = {}, None
    for line in readelf("-V", library):
        if found := NEEDED_FILE.search(line):
            file = found["file"]
        elif file and (found := NEEDED_NAME.search(line)):
            file_of_version[found["version"]] = file
    wanted = {}
    for line in readelf("--dyn-syms", library):
        if not (found := UNDEFINED.search(line)):
            continue
        name, version = found["name"], found["version"]
        if version in file_of_version or (version is None and UNVERSIONED.match(name)):
            file = file_of_version.get(version)
            wanted.setdefault(file, {}).setdefault(version, set()).add(name)
    return wanted


def build(directory, file, versions):
    """Compiles one stand-in: every name aborts, under the version that torch asks for."""
    names = sorted({name for group in versions.values() for name in group})
    source = "extern void abort(void);\n" + "".join(
        f"void {name}(void) {{ abort(); }}\n" for name in names
    )
    script = "".join(
        f"{version} {{ global: {' '.join(f'{n};' for n in sorted(group))} }};\n"
        for version, group in versions.items()
        if version is not None
    )
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "stand_in.c").write_text(source)
        command = ["cc", "-shared", "-fPIC", "-w", "-fno-builtin", str(scratch / "stand_in.c")]
        if script:
            (scratch / "versions.map").write_text(script)
            command.append(f"-Wl,--version-script={scratch / 'versions.map'}")
        command += [f"-Wl,-soname,{file}", "-o", str(directory / file)]
        subprocess.run(command, check=True)


def main():
    site = pathlib.Path(sysconfig.get_paths()["platlib"])
    own = site / "torch" / "lib"
    if not own.is_dir():
        sys.exit(f"no torch in `{site}`: install interop/requirements.txt first")
    libraries = sorted(own.glob("libtorch*.so")) + sorted(own.glob("libc10*.so"))
    needed, wanted = set(), {}
    for library in libraries:
        needed |= {m["file"] for line in readelf("-d", library) if (m := SHARED.search(line))}
        for file, versions in wanted_names(library).items():
            for version, names in versions.items():
                wanted.setdefault(file, {}).setdefault(version, set()).update(names)
    present = {path.name for path in own.iterdir()}
    present |= {path.name for path in (site / "nvidia").rglob("*.so*")}
    cuda = re.compile(r"lib(cu|nv|nccl)")
    missing = sorted(f for f in needed if cuda.match(f) and f not in present and f != "libcuda.so.1")
    for file in missing:
        # The loader takes the first definition, so each library without versions may hold them all.
        build(own, file, wanted.get(file) or wanted.get(None, {}))
    print(f"torch: {len(missing)} stand-ins for absent CUDA libraries: {' '.join(missing) or '-'}")


if __name__ == "__main__":
    main()
