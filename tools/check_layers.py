#!/usr/bin/env python3
"""Checks who includes whom: the table below is the rule of docs/ARCHITECTURE.md.

Quoted includes are paths from the root of the repository, so each shows its layer.
"""

import re

import c_source

INGOT = "<ingot/"
CORE = ["graph/core/", INGOT]
IR = CORE + ["graph/ir/"]
PASSES = IR + ["graph/passes/"]
RUNTIME = PASSES + ["graph/runtime/"]
COMMON = ["operators/common"]
FRONTEND = RUNTIME + ["frontend_c/"]
EVERYTHING = FRONTEND + ["operators/", "importers/", "tools/"]

# Longest matching path prefix wins. A header of importers/ itself is shared by all importers.
MAY_INCLUDE = {
    "include/": [INGOT],
    "graph/core/": CORE,
    "graph/ir/": IR,
    "graph/passes/": PASSES,
    "graph/runtime/": RUNTIME,
    "operators/": ["<ingot/plugin.h>"] + COMMON,
    "operators/common": IR + COMMON,  # the one door from operators to core and ir
    "operators/cpu/": IR + COMMON + ["operators/cpu/"],
    "operators/images/": [INGOT, "operators/images/", "operators/common_image_job.h"],
    "operators/gpu/": IR + COMMON + ["operators/gpu/"],
    "importers/": IR + [r"importers/[^/]*$"],
    "importers/onnx/": IR + [r"importers/[^/]*$", "importers/onnx/"],
    "importers/native/": IR + [r"importers/[^/]*$", "importers/native/"],
    "importers/data/": IR + [r"importers/[^/]*$", "importers/data/"],
    "frontend_c/": FRONTEND,
    "frontend_c/builtin.c": FRONTEND + ["operators/", "importers/"],
    "tools/": EVERYTHING,
    "bench/": EVERYTHING + ["bench/"],
    "examples/": [INGOT, "examples/"],
    "tests/": EVERYTHING,  # suites over the whole library
    "tests/models/": EVERYTHING + ["bench/models/"],
    "tests/support/": EVERYTHING,
    "tests/api/": [INGOT],
    "tests/packaging/": [INGOT],
    "tests/plugins/": [INGOT, "tests/plugins/"],
    "tests/graph/core/": CORE,
    "tests/graph/ir/": IR,
    "tests/graph/passes/": RUNTIME,  # folding runs operators
    "tests/graph/runtime/": RUNTIME,
    "tests/importers/onnx/": IR + [r"importers/[^/]*$", "importers/onnx/"],
    "tests/importers/native/": IR + [r"importers/[^/]*$", "importers/native/"],
    "tests/importers/data/": IR + [r"importers/[^/]*$", "importers/data/"],
}

# External headers, and the only folders that may name them. Others are taken for libc.
PROGRAMS = ["tools/", "bench/", "tests/", "examples/"]
EXTERNAL = {
    r"dnnl": ["operators/cpu/"],
    r"omp\.h": ["graph/core/", "operators/cpu/", "bench/"],
    r"protobuf-c/": ["importers/onnx/", "tests/importers/onnx/"],
    r"(cuda|cudnn|cublas|nvtx|cupti|nccl)": ["operators/gpu/"],
    r"(jerror|jpeglib|openjpeg|png|tiffio|webp/decode)\.h": ["operators/images/", "examples/"],
    r"(dlfcn|link)\.h": ["graph/core/companion.c", "graph/runtime/"] + PROGRAMS,
    r"(pthread|threads|semaphore)\.h": ["graph/core/", "graph/runtime/", "operators/gpu/"] + PROGRAMS,
    r"cmocka\.h": ["tests/"],
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<][^">]+[">])', re.M)


def rule_for(name):
    return MAY_INCLUDE[max((p for p in MAY_INCLUDE if name.startswith(p)), key=len)]


def refusal(name, include):
    """Why `name` may not include `include`, or None."""
    path = include[1:-1]
    if include[0] == '"':
        if not (c_source.ROOT / path).exists():
            return "is no path from the root of the repository"
        allowed = [p for p in rule_for(name) if p[0] != "<"]
        if name.startswith("tests/") and path.startswith("tests/"):
            return None
        return None if any(re.match(p, path) for p in allowed) else "is above this layer"
    if path.startswith("ingot/"):
        return None if any(include.startswith(p) for p in rule_for(name)) else "is not for this layer"
    for pattern, folders in EXTERNAL.items():
        if re.match(pattern, path) and not name.startswith(tuple(folders)):
            return "belongs to " + ", ".join(folders)
    return None


def main():
    problems, checked = [], 0
    for name in c_source.files(generated=True):
        checked += 1
        text = c_source.read(name)
        for match in INCLUDE.finditer(text):
            why = None if name.endswith((".pb-c.h", ".pb-c.c")) else refusal(name, match.group(1))
            if why:
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f"{name}:{line}: {match.group(1)} {why}")
    c_source.finish("check_layers", checked, problems)


if __name__ == "__main__":
    main()
