#!/usr/bin/env python3
"""Checks the symbols of the built libraries with nm.

usage: tools/check_symbols.py layers NAME=DEPENDS[,DEPENDS...]=ARCHIVE...
       tools/check_symbols.py exports LIBRARY LIST [--update]

`layers`: what a module leaves undefined, its DEPENDS (and theirs) define: includes cannot tell
an upward call through a declaration of one's own.
`exports`: the shared library exports exactly the names in LIST and the wrappers of operators that
<ingot/ops.h> declares (which is generated, and compared by a test of its own); removing one breaks users.
"""

import pathlib
import re
import subprocess
import sys

OURS = re.compile(r"igi?_\w+")
WRAPPER = re.compile(r"\b(ig_op_\w+_at)\(")


def symbols(path, *options):
    """(defined, undefined) names of an object file, archive or library."""
    out = subprocess.run(["nm", *options, "--format=posix", path], capture_output=True, text=True, check=True)
    defined, undefined = set(), set()
    for line in out.stdout.splitlines():
        words = line.split()
        if len(words) >= 2 and len(words[1]) == 1:
            (undefined if words[1] in "Uw" else defined).add(words[0].split("@")[0])
    return defined, undefined


def check_layers(rows):
    modules = {}
    for row in rows:
        name, depends, archive = row.split("=", 2)
        modules[name] = (depends.split(",") if depends else [], *symbols(archive))
    failed = 0
    for name, (depends, defined, undefined) in modules.items():
        reach, todo = set(), list(depends)
        while todo:
            module = todo.pop()
            if module in modules and module not in reach:
                reach.add(module)
                todo += modules[module][0]
        known = defined.union(*(modules[m][1] for m in reach))
        for symbol in sorted(s for s in undefined - known if OURS.fullmatch(s)):
            owner = next((m for m in modules if symbol in modules[m][1]), None)
            where = f"is in {owner}, which is not among its DEPENDS" if owner else "is defined nowhere"
            print(f"{name}: {symbol} {where}")
            failed += 1
    print(f"check_symbols: {len(modules)} modules, {failed} problems")
    return failed


def wrappers():
    with open(pathlib.Path(__file__).resolve().parent.parent / "include/ingot/ops.h", encoding="utf-8") as file:
        return set(WRAPPER.findall(re.sub(r"#define.*?[^\\]\n", "", file.read(), flags=re.S)))


def check_exports(library, path, update):
    generated = wrappers()
    found = sorted(symbols(library, "-D", "--defined-only")[0])
    foreign = [s for s in found if not s.startswith(("ig_", "INGOT_"))]
    names = [s for s in found if s.startswith("ig_")]
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(name + "\n" for name in names if name not in generated))
    with open(path, encoding="utf-8") as file:
        wanted = generated.union(file.read().split())
    added, removed = sorted(set(names) - wanted), sorted(wanted - set(names))
    for name in foreign:
        print(f"{name}: exported, but does not begin with ig_")
    for name in removed:
        print(f"{name}: in the list, no longer exported: users of it break")
    for name in added:
        print(f"{name}: exported, not in the list")
    if added or removed:
        print(f"When this is meant: tools/check_symbols.py exports {library} {path} --update")
    print(f"check_symbols: {len(names)} exported, {len(added)} new, {len(removed)} gone, {len(foreign)} foreign")
    return len(added) + len(removed) + len(foreign) + (not names)


def main():
    args = sys.argv[1:]
    if args[:1] == ["layers"] and len(args) > 1:
        sys.exit(bool(check_layers(args[1:])))
    update = "--update" in args
    args = [a for a in args if a != "--update"]
    if args[:1] == ["exports"] and len(args) == 3:
        sys.exit(bool(check_exports(args[1], args[2], update)))
    sys.exit(__doc__)


if __name__ == "__main__":
    main()
