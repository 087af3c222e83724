#!/usr/bin/env python3
"""Checks that the committed protobuf-c files are what protoc-c makes of their .proto files.
`--fix` writes them. Exit 77 when protoc-c is not installed.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import c_source

SKIPPED = 77


def main():
    if not shutil.which("protoc-c"):
        print("check_generated: protoc-c (protobuf-c-compiler) is not installed, skipped")
        sys.exit(SKIPPED)
    problems, checked = [], 0
    for name in c_source.files(c_source.LIBRARY, (".proto",)):
        proto = c_source.ROOT / name
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["protoc-c", f"-I{proto.parent}", f"--c_out={folder}", str(proto)], check=True)
            for made in pathlib.Path(folder).iterdir():
                committed = proto.with_name(made.name)
                checked += 1
                if "--fix" in sys.argv[1:]:
                    shutil.copy(made, committed)
                if not committed.exists() or committed.read_bytes() != made.read_bytes():
                    problems.append(f"{committed.relative_to(c_source.ROOT)} is not what {proto.name} gives: "
                                    "run tools/check_generated.py --fix")
    c_source.finish("check_generated", checked, problems)


if __name__ == "__main__":
    main()
