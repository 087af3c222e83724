#!/usr/bin/env python3
"""Writes cases.tar.xz and pairs.txt: a case for every (operator, since-version) pair of ONNX 1.22.0; and
vendor.tar.xz: cases of operators that ONNX does not define.

usage: tests/versions/make_cases.py [--folder FOLDER] [--peers]

Needs onnx 1.22.0 (tests/versions/README.md); --folder writes the cases there too; --peers compares with
onnxruntime and the reference evaluator and lists every difference that oracles.py does not explain.
The cases are the same on every machine.
"""

import argparse
import importlib
import io
import pathlib
import sys
import tarfile

import onnx

import frame

HERE = pathlib.Path(__file__).resolve().parent
FAMILIES = {
    "cases": ("elementwise", "reduction", "movement", "indexing", "casts", "windows", "layers", "quantized",
              "recurrent", "sampling", "sequences", "flow", "draws", "signals", "classical"),
    "vendor": ("vendor_norm", "vendor_attention", "vendor_bytes", "vendor_state"),
}


def folder_of(s):
    """Samples of one folder share a model, and so opsets."""
    domain = s.domain or "ai.onnx"
    alone = f"-{s.label}" if s.extra.get("alone") else ""
    return f"{domain}/{s.op}-{s.since}{alone}"


def grouped():
    """Samples of one folder become one model."""
    groups = {}
    for s in frame.SAMPLES:
        groups.setdefault(folder_of(s), []).append(s)
    for name, samples in groups.items():
        labels = [s.label for s in samples]
        assert len(set(labels)) == len(labels), f"{name}: two samples of one name in {labels}"
        assert all(s.opsets == samples[0].opsets for s in samples), f"{name}: samples of different opsets"
    return groups


def files(groups):
    for name, samples in sorted(groups.items()):
        model, inputs, outputs = frame.model(samples)
        yield f"{name}/model.onnx", model.SerializeToString(deterministic=True)
        for stem, values in (("input", inputs), ("output", outputs)):
            for k, (info, x) in enumerate(values):
                yield f"{name}/test_data_set_0/{stem}_{k}.pb", frame.message(x, info.type)


def write(groups, path, folder):
    with tarfile.open(path, "w:xz", preset=9) as archive:
        for name, content in files(groups):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
            if folder:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)


def pairs_of(model):
    """Every pair that a model's nodes and their bodies name."""
    found = set()

    def visit(nodes, opsets):
        for n in nodes:
            domain = "" if n.domain == "ai.onnx" else n.domain
            rows = frame.history().get((domain, n.op_type), {})
            bound = [v for v in rows if v <= opsets.get(domain, 0)]
            if bound:
                found.add((domain, n.op_type, max(bound)))
            for a in n.attribute:
                for g in [a.g] if a.HasField("g") else list(a.graphs):
                    visit(g.node, opsets)

    main = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}
    visit(model.graph.node, main)
    return found


def covered(groups, suite):
    """pair -> name of a case: one of ours if there is one, else the first of ONNX's own."""
    by_pair = {}
    for name, samples in sorted(groups.items()):
        assert samples[0].pair in pairs_of(frame.model(samples)[0]), f"{name} does not show what it is named after"
        by_pair.setdefault(samples[0].pair, f"versions:{name}")
    paths = [] if not suite else sorted(p for p in suite.rglob("model.onnx"))
    for path in paths:
        for pair in sorted(pairs_of(onnx.load(path, load_external_data=False))):
            by_pair.setdefault(pair, f"suite:{path.parent.relative_to(suite).as_posix()}")
    return by_pair


def write_pairs(by_pair):
    lines, missing = [], []
    for (domain, op), rows in sorted(frame.history().items()):
        for since in rows:
            case = by_pair.get((domain, op, since))
            if case:
                lines.append(f"{domain or 'ai.onnx'} {op} {since} {case}\n")
            else:
                missing.append(f"{domain}::{op}-{since}")
    (HERE / "pairs.txt").write_text("".join(lines), encoding="utf-8")
    print(f"{len(lines)} pairs have a case; without one: {' '.join(missing) or 'none'}")
    return not missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--suite", type=pathlib.Path, default=HERE.parent.parent / "build/onnx-tests",
                        help="ONNX's own cases (default: build/onnx-tests)")
    parser.add_argument("--only", nargs="*", help="families; nothing but --folder is written")
    args = parser.parse_args()
    if onnx.__version__ != "1.22.0":
        sys.exit(f"needs onnx 1.22.0, found {onnx.__version__}")
    for archive, families in FAMILIES.items():
        frame.SAMPLES.clear()
        for family in families:
            if not args.only or family in args.only:
                importlib.import_module(family).make()
        if args.peers:
            import oracles

            if not oracles.compare(frame.SAMPLES):
                sys.exit("an oracle differs without a reason in oracles.py")
        groups = grouped()
        write(groups, pathlib.Path("/dev/null") if args.only else HERE / f"{archive}.tar.xz", args.folder)
        print(f"{archive}: {len(frame.SAMPLES)} samples in {len(groups)} cases")
        if archive == "cases" and not args.only and not write_pairs(covered(groups, args.suite)):
            sys.exit(1)


if __name__ == "__main__":
    main()
