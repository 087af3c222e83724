"""Runs a script with pinned packages: enter(...) makes a virtual environment in the build folder when needed
(pip, hashes checked) and starts the script again in it.
"""

import hashlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def _texts(requirements):
    """The file and those that it includes with -r."""
    for line in requirements.read_text(encoding="utf-8").splitlines():
        yield line
        if line.startswith("-r "):
            yield from _texts(requirements.parent / line[3:].strip())


def enter(requirements, build):
    """Returns in the environment of `requirements`, a path from the root; INGOT_LIBRARY is then set to the
    library of `build`. Ends the program with a message when it cannot be had."""
    build, requirements = pathlib.Path(build).absolute(), ROOT / requirements
    library = build / "libingot.so.0"
    if not library.exists():
        sys.exit(f"{library} does not exist: build Ingot first")
    digest = hashlib.sha256("\n".join(_texts(requirements)).encode()).hexdigest()[:12]
    venv = build / f"peers-{digest}"
    ready = venv / "ready"
    if pathlib.Path(sys.prefix).resolve() == venv.resolve() and ready.exists():
        return
    if not ready.exists():
        print(f"installing {requirements.relative_to(ROOT)} into {venv}", file=sys.stderr)
        for command in ([sys.executable, "-m", "venv", "--clear", str(venv)],
                        [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                         "--require-hashes", "--only-binary=:all:", "-r", str(requirements)]):
            if subprocess.run(command, check=False).returncode != 0:
                sys.exit(f"{' '.join(command)} failed: is python3-venv installed, and the network up?")
        ready.touch()
    environment = {**os.environ, "INGOT_LIBRARY": str(library), "PYTHONPATH": str(ROOT / "tools/python")}
    python = str(venv / "bin/python")
    os.execve(python, [python, *sys.argv], environment)
