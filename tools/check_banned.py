#!/usr/bin/env python3
"""Checks that library code neither prints nor ends the process, takes memory only from
graph/core/alloc.h, parses no number without error checks, and computes no allocation size with
a raw multiplication. tools/banned_allowed.txt lists the exceptions with their reason.
"""

import re

import c_source

INSTEAD = {
    "abort exit _exit quick_exit": "return ig_fail(...)",
    "assert": "IG_BUG for broken invariants of ours, ig_fail for input",
    "printf fprintf vprintf vfprintf puts fputs putchar perror": "igi_log or the caller's stream",
    "malloc calloc realloc free reallocarray aligned_alloc posix_memalign strdup strndup asprintf "
    "vasprintf": "the igi_alloc family",
    "alloca": "a fixed array or igi_alloc",
    "strcpy strcat sprintf vsprintf stpcpy gets": "snprintf or memcpy with a checked size",
    "strncpy strncat": "snprintf",
    "strtok atoi atol atoll atof": "strtoll and strtod with end and errno checked",
    "rand srand random drand48": "graph/core/rng.h",
    "setlocale signal sigaction chdir umask system popen setenv putenv": "nothing: it changes the host process",
}
CALLS = {call: instead for calls, instead in INSTEAD.items() for call in calls.split()}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(CALLS) + r")\s*\(")

ALLOCATE = re.compile(r"\bigi_(?:alloc|calloc|realloc|alloc_array)\s*\(")
SIZEOF = re.compile(r"\bsizeof\s*\((?:[^()]|\([^()]*\))*\)")
POINTER = re.compile(r"\(\s*(?:const\s+)?\w+(?:\s+\w+)*\s*\*+\s*(?:const\s*)?\)|\b(?:void|char)\s*\*")
PRODUCT = re.compile(r"[\w)\]]\s*\*\s*[\w(]")


def arguments(text, start):
    """The text between the parenthesis before `start` and its partner."""
    depth, end = 1, start
    while end < len(text) and depth:
        depth += (text[end] == "(") - (text[end] == ")")
        end += 1
    return text[start : end - 1]


def has_product(args):
    return bool(PRODUCT.search(POINTER.sub(" ", SIZEOF.sub("1", args))))


def problems_of(name, text, allowed):
    for match in CALL.finditer(text):
        if (name, match.group(1)) not in allowed:
            yield match.start(), f"{match.group(1)}() is banned here, use {CALLS[match.group(1)]}"
    for match in ALLOCATE.finditer(text):
        if has_product(arguments(text, match.end())):
            yield match.start(), "raw product in an allocation size, use igi_alloc_array or igi_mul_size"


def main():
    allowed = c_source.allowed("banned_allowed.txt")
    problems, checked = [], 0
    for name in c_source.files(c_source.LIBRARY):
        checked += 1
        text = c_source.code(c_source.read(name))
        for at, what in problems_of(name, text, allowed):
            problems.append(f"{name}:{text.count(chr(10), 0, at) + 1}: {what}")
    c_source.finish("check_banned", checked, problems)


if __name__ == "__main__":
    main()
