#!/usr/bin/env python3
"""Writes include/ingot/plugin_api.h from tools/plugin_api.txt, to standard output.

The header has the table of functions as a struct and as a list, and, for the build of a plugin,
a macro for each function that calls it through the table.
"""

import re
import sys

import c_source

# May stand in a static initialiser of a descriptor, so they need an address there:
# <ingot/plugin_abi.h> wraps them.
ADDRESSES = {"infer_same", "infer_broadcast", "values_same", "view_contiguous",
             "gradient_none", "gradient_forbidden", "gradient_todo"}

# Of the headers that a plugin includes, but not for plugins: they own processes or whole graphs.
NOT_FOR_PLUGINS = {"log_set", "allocator_set", "graph_new", "graph_clone", "graph_free", "graph_print",
                   "string_free", "graph_gradient"}

HEAD = """/* The functions that a plugin may call, as one table.
 *
 * Written by tools/gen_plugin_api.py from tools/plugin_api.txt: do not edit. Append only:
 * entries keep their place for ever. */
#ifndef INGOT_PLUGIN_API_H
#define INGOT_PLUGIN_API_H

#include <ingot/plugin.h>

"""


def read():
    """(names in order, number of the last ABI)"""
    names, abi, open_names = [], 0, False
    for line in c_source.read("tools/plugin_api.txt").splitlines():
        words = line.split("#")[0].split()
        if len(words) == 2 and words[0] == "abi":
            if int(words[1]) != abi + 1:
                sys.exit(f"tools/plugin_api.txt: abi {words[1]} follows abi {abi}")
            abi, open_names = abi + 1, False
        elif len(words) == 1:
            names.append(words[0])
            open_names = True
        elif words:
            sys.exit(f"tools/plugin_api.txt: cannot read: {line}")
    if open_names:
        sys.exit("tools/plugin_api.txt: the last entries belong to no abi: add a line `abi N`")
    if len(set(names)) != len(names):
        sys.exit("tools/plugin_api.txt: a name stands twice")
    return names, abi


def check_complete(names):
    """Whoever adds a function to these headers must not forget the list."""
    for header in ("base", "graph", "plugin"):
        text = c_source.code(c_source.read(f"include/ingot/{header}.h"))
        for name in re.findall(r"^IG_API\s[^;{(]*?\big_(\w+)\(", text, re.M):
            if name not in names and name not in NOT_FOR_PLUGINS:
                sys.exit(f"ig_{name} of <ingot/{header}.h> is not in tools/plugin_api.txt: append it")


def main():
    names, abi = read()
    check_complete(names)
    print(HEAD + f"#define IG_PLUGIN_ABI {abi}\n")
    print("#define IG_PLUGIN_API_LIST(X_) \\")
    print(" \\\n".join(f"    X_({name})" for name in names) + "\n")
    print("struct ig_plugin_api {")
    print("    uint32_t abi, struct_size; /* of the library that runs */")
    for name in names:
        print(f"    __typeof__(ig_{name}) *{name};")
    print("};\n")
    print("#ifndef IG_BUILTIN")
    for name in names:
        if name not in ADDRESSES:
            print(f"#define ig_{name} ig_api->{name}")
    print("#endif\n\n#endif")


if __name__ == "__main__":
    main()
