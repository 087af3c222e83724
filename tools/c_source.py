"""What the check scripts share: which files are ours, and C text without comments and strings."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = ("graph", "operators", "importers", "frontend_c")
ALL = LIBRARY + ("include", "tools", "tests", "bench", "examples")
GENERATED = re.compile(r"\.pb-c\.[ch]$|_gen\.[ch]$")

_NOISE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def files(folders=ALL, suffixes=(".c", ".h", ".cu", ".cuh"), generated=False):
    """Paths relative to the root, as strings, sorted."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix in suffixes and (generated or not GENERATED.search(name)):
                yield name


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def code(text):
    """`text` with comments and literals blanked; line numbers stay."""

    def blank(match):
        token = match.group()
        return token[0] + token[0] if token[0] in "\"'" else " " + "\n" * token.count("\n")

    return _NOISE.sub(blank, text)


def allowed(list_name):
    """Rows of an allow-list in tools/: path, value, reason."""
    rows = {}
    for line in (ROOT / "tools" / list_name).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            path, value, reason = line.split(None, 2)
            rows[path, value] = reason
    return rows


def finish(check, checked, problems, warnings=()):
    """Prints what was found and exits: 0 clean, 1 otherwise. Nothing to check is a failure."""
    for warning in warnings:
        print(f"warning: {warning}")
    for problem in problems:
        print(problem)
    if not checked:
        problems = ["nothing was checked"]
        print(problems[0])
    print(f"{check}: {checked} files, {len(problems)} problems, {len(warnings)} warnings")
    sys.exit(bool(problems))
