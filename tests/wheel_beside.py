"""Run by `nox -s wheel`: what the built wheel promises to those who install it.

    python tests/wheel_beside.py WHEEL

- It holds every file of the packages.
- Installed alone, it runs what needs no extra, and says what to install for the rest.
- With all extras, everything runs.
- With the matching extra, it installs beside every vendor's SDK and imports with it.

The SDKs' environments are those of `understudy certify --vendors`; what is installed into is a
copy.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conformance.vendors import environment, vendors

ROOT = Path(__file__).parents[1]
CHECK = Path(__file__).with_name("wheel_check.py")
ROOMS = ("conformance", "mock_servers", "protocol_core", "reference_client", "understudy")
PACKAGES = {
    "avatar_protocols": ROOT / "generated" / "python" / "avatar_protocols",
    **{name: ROOT / name for name in ROOMS},
}
SERVING_SECONDS = 30
TOLD_LINES = 40


def run(*words, cwd, status=0):
    """Run a command; whatever it printed."""
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    told = "\n".join(said.splitlines()[-TOLD_LINES:])
    line = " ".join(map(str, words))
    assert done.returncode == status, f"{line}: status {done.returncode}\n{told}"
    return said


def pip(python, *words, cwd):
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *words, cwd=cwd)


def conflicts(python):
    """What `pip check` complains of."""
    words = [str(python), "-m", "pip", "check", "--disable-pip-version-check"]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return {line for line in said.splitlines() if "No broken requirements" not in line}


def check_files(wheel):
    """The wheel holds what the packages hold."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == wanted, f"not the same: {sorted(held ^ wanted)}"
    return f"{wheel.name}: {len(held)} files"


def check_alone(wheel, folder):
    """A bare environment: the base, and then with all extras."""
    home = folder / "alone"
    run(sys.executable, "-m", "venv", home, cwd=folder)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip(python, wheel, cwd=home)
    run(python, "-I", CHECK, cwd=home)
    certify = ["-I", "-m", "understudy", "certify", "--protocol"]
    run(python, *certify, "liveavatar", cwd=home)
    told = run(python, "-I", "-m", "understudy", "serve", "--all", cwd=home, status=2)
    assert "pip install 'understudy[" in told, told
    pip(python, f"{wheel}[all]", cwd=home)
    assert not conflicts(python)
    check_serving(python, home)
    return "alone: certifies liveavatar; with all extras: serves everything"


def check_serving(python, home):
    """All platforms start, and stop when they are told to."""
    port_file = home / "ports.json"
    words = ["-I", "-m", "understudy", "serve", "--all", "--port", "0", "--port-file", port_file]
    server = subprocess.Popen(
        [str(python), *map(str, words)], cwd=home, stdout=subprocess.PIPE, text=True
    )
    end = time.monotonic() + SERVING_SECONDS
    while not port_file.is_file() and server.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert port_file.is_file(), "the platforms do not start"
    server.terminate()
    said, _ = server.communicate()
    assert server.returncode == 0, said


def check_beside(wheel, folder, vendor, original):
    """A copy of an SDK's environment, with us in it."""
    home = folder / vendor.protocol
    shutil.copytree(original.parents[1], home, symlinks=True)
    python = home / original.relative_to(original.parents[1])
    before = conflicts(python)
    # In one go with its pins, so that pip looks for versions that suit both. An SDK that is
    # installed without its dependencies stays as it is.
    pip(python, f"{wheel}[{vendor.protocol}]", *(vendor.requires[vendor.no_deps :]), cwd=home)
    added = conflicts(python) - before
    assert not added, f"beside {vendor.name}: {sorted(added)}"
    run(python, "-I", CHECK, vendor.protocol, cwd=home)
    run(python, "-I", "-m", "understudy", "certify", "--protocol", vendor.protocol, cwd=home)
    return f"understudy[{vendor.protocol}] beside {vendor.requires[0]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--vendor-cache", type=Path, default=Path(".understudy/vendors"))
    chosen = parser.parse_args()
    wheel = chosen.wheel.resolve()
    print(check_files(wheel))
    rows = {row.protocol: row for row in vendors()}.values()
    originals = [environment(row, chosen.vendor_cache, print) for row in rows]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(check_alone, wheel, Path(folder))]
        waiting += [
            pool.submit(check_beside, wheel, Path(folder), row, original)
            for row, original in zip(rows, originals, strict=True)
        ]
        failures = [error for each in waiting if (error := told(each)) is not None]
    sys.exit(bool(failures))


def told(check):
    """Print how a check ended; its error, if that is how."""
    error = check.exception()
    print(check.result() if error is None else f"FAIL {error}", flush=True)
    return error


if __name__ == "__main__":
    main()
