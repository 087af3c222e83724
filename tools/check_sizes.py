#!/usr/bin/env python3
"""Checks the sizes of files and functions: files of at most 500 lines (tools/sizes_allowed.txt
lists exceptions with their reason), functions of at most 100 lines (60 is the goal, and warned
of), at most 4 levels of nesting (in tests only warned of: they nest loops over cases), at most 6
parameters (warned of).

Relies on the formatter: a function's braces stand alone in column 0, a level is 4 spaces.
"""

import re

import c_source

FILE_MAX, FUNCTION_GOAL, FUNCTION_MAX, LEVELS_MAX, PARAMETERS_MAX = 500, 60, 100, 4, 6
OPENS_LEVEL = re.compile(r"^( +)(?:\} )?(?:if|for|while|switch|do)\b")


def functions(lines):
    """(first line of the body, head text, lines of the body) of each function."""
    start, head = None, []
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            yield start, " ".join(head), lines[start : number + 1]
            start, head = None, []
        elif start is None:
            ends = not line.strip() or line.startswith("#") or line.rstrip().endswith((";", "}"))
            head = [] if ends else head + [line.strip()]


def parameters(head):
    """Number of parameters of the head of a function; macros with nested commas count too."""
    inside, depth, count = head[head.find("(") + 1 :], 0, 1
    for c in inside:
        depth += (c == "(") - (c == ")")
        if depth < 0:
            break
        count += c == "," and depth == 0
    return count


def main():
    allowed = {path: int(limit) for path, limit in c_source.allowed("sizes_allowed.txt")}
    problems, warnings, checked = [], [], 0
    for name in c_source.files():
        checked += 1
        lines = c_source.code(c_source.read(name)).splitlines()
        limit = allowed.get(name, FILE_MAX)
        if len(lines) > limit:
            problems.append(f"{name}: {len(lines)} lines, at most {limit}: does it have two subjects?")
        for start, head, body in functions(lines):
            found = re.search(r"(\w+)\s*\(", head)
            where = f"{name}:{start + 1}: {found.group(1) if found else 'function'}"
            if len(body) > FUNCTION_GOAL:
                report = problems if len(body) > FUNCTION_MAX else warnings
                report.append(f"{where} has {len(body)} lines")
            levels = max((len(m.group(1)) // 4 for m in map(OPENS_LEVEL.match, body) if m), default=0)
            if levels > LEVELS_MAX:
                report = warnings if name.startswith("tests/") else problems
                report.append(f"{where} nests {levels} levels, at most {LEVELS_MAX}")
            if parameters(head) > PARAMETERS_MAX:
                warnings.append(f"{where} has {parameters(head)} parameters")
    c_source.finish("check_sizes", checked, problems, warnings)


if __name__ == "__main__":
    main()
