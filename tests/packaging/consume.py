#!/usr/bin/env python3
"""Installs a build folder into a scratch prefix, moves the prefix, and builds and runs a consumer
there by find_package and by pkg-config, shared and static, in C and in C++. Also configures a
project that includes the source tree, which must bring neither tests nor install rules along.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = " 6\n"  # number of elements, after the version


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"FAILED: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def run_consumer(program, environment):
    out = run(program, env=environment)
    if not out.endswith(EXPECTED):
        sys.exit(f"FAILED: {program} printed {out!r}, expected {EXPECTED!r} at its end")
    print(f"{program.name} works")


def find_package(args, prefix, work, environment):
    build = work / "find_package"
    run(args.cmake, "-S", HERE / "find_package", "-B", build, "-G", args.generator,
        f"-DCMAKE_C_COMPILER={args.cc}", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_C_FLAGS={args.flags}",
        f"-DCMAKE_CXX_FLAGS={args.flags}")
    run(args.cmake, "--build", build)
    for program in ("consumer", "consumer_static", "consumer_cxx"):
        if (build / program).exists():
            run_consumer(build / program, environment)


def pkg_config(args, prefix, work, environment):
    pc = next(prefix.rglob("ingot.pc")).parent
    query = ["pkg-config", "--cflags", "--libs", "ingot"]
    search = {**environment, "PKG_CONFIG_PATH": str(pc)}
    flags = run(*query, env=search).split()
    static = run(*query, "--static", env=search).replace("-lingot", "-l:libingot.a").split()
    compilers = [(args.cc, "consumer.c", flags, "pc_consumer"), (args.cc, "consumer.c", static, "pc_static"),
                 (args.cc, "images.c", flags, "pc_images"), (args.cc, "images.c", static, "pc_images_static")]
    cxx = shutil.which("clang++" if "clang" in args.cc else "c++")
    if cxx:
        compilers.append((cxx, "consumer.cpp", flags, "pc_consumer_cxx"))
    for compiler, source, link, name in compilers:
        run(compiler, *args.flags.split(), HERE / source, "-o", work / name, *link)
        if source.startswith("consumer"):
            run_consumer(work / name, environment)


def images(args, prefix, environment):
    """The library of decoders, which an installed command and library find by themselves; a program
    that links Ingot statically is told where it lies."""
    library = next(prefix.rglob("libingot_images.so"), None)
    if not library:
        if (args.build / "ingot/libingot_images.so").exists():
            sys.exit("FAILED: libingot_images.so was built and not installed")
        print("images are left out")
        return
    command = prefix / "bin/ingot"
    if command.exists() and "WebP" not in run(command, "doctor", env=environment):
        sys.exit("FAILED: the installed command does not find libingot_images.so")
    picture = HERE.parent / "fuzz/images/lossless.webp"
    for name, extra in (("pc_images", {}), ("pc_images_static", {"INGOT_COMPANIONS": str(library.parent)})):
        out = run(prefix.parent / name, picture, env={**environment, **extra})
        if out != "5 6 3\n":
            sys.exit(f"FAILED: {name} printed {out!r}")
        print(f"{name} works")
    refused = subprocess.run([prefix.parent / "pc_images_static", picture], env=environment, capture_output=True,
                             text=True, check=False)
    if refused.returncode != 3 or "libwebp" not in refused.stderr:
        sys.exit(f"FAILED: without libingot_images.so there was {refused.returncode}, {refused.stderr}")


def python(args, prefix):
    """The installed module finds the installed library by itself."""
    if "-fsanitize" in args.flags:
        return
    module = next(prefix.rglob("dist-packages"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("INGOT_", "LD_LIBRARY_PATH"))}
    out = run(sys.executable, "-c", "import ingot; print(ingot.version(), ingot._library.library()._name)",
              env={**environment, "PYTHONPATH": str(module)}, cwd=prefix)
    if str(prefix) not in out:
        sys.exit(f"FAILED: the installed Python module uses {out!r}")
    print("the Python module works")


def subproject(args, work):
    source = work / "subproject"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(parent C)\nenable_testing()\n"
        f"add_subdirectory({HERE.parent.parent} ingot)\n"
        "add_executable(consumer consumer.c)\ntarget_link_libraries(consumer ingot::ingot)\n",
        encoding="utf-8")
    shutil.copy(HERE / "consumer.c", source)
    run(args.cmake, "-S", source, "-B", source / "build", "-G", args.generator, f"-DCMAKE_C_COMPILER={args.cc}")
    listed = run(pathlib.Path(args.cmake).with_name("ctest"), "--test-dir", source / "build", "-N")
    if "Total Tests: 0" not in listed:
        sys.exit(f"FAILED: a project that includes Ingot gets its tests\n{listed}")
    print("add_subdirectory works")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--generator", default="Ninja")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--flags", default="", help="for compiling and linking the consumers")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ingot_packaging_") as folder:
        work = pathlib.Path(folder)
        run(args.cmake, "--install", args.build, "--prefix", work / "first")
        prefix = work / "moved here"
        os.rename(work / "first", prefix)
        library = next(prefix.rglob("libingot.so"))
        environment = {**os.environ, "LD_LIBRARY_PATH": str(library.parent)}
        find_package(args, prefix, work, environment)
        prefix = prefix.rename(work / "moved_again")  # pkg-config quotes spaces in its own way
        environment["LD_LIBRARY_PATH"] = str(next(prefix.rglob("libingot.so")).parent)
        pkg_config(args, prefix, work, environment)
        images(args, prefix, environment)
        python(args, prefix)
        subproject(args, work)


if __name__ == "__main__":
    main()
