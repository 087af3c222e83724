#!/usr/bin/env python3
"""Records what onnxruntime computes for the tiny benchmark models.

usage: tests/models/record.py BUILD

BUILD is a build folder in which test_models has run, passing or not: it leaves the models and
their inputs in BUILD/tiny_models. The outputs go to tests/models/recorded/MODEL.npy. A development
tool: needs the Python packages onnxruntime (1.31.1 was used) and numpy, which no test needs.
Record again only when a model of bench/models changes.
"""

import pathlib
import sys

import numpy as np
import onnxruntime


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    models = sorted(pathlib.Path(sys.argv[1], "tiny_models").glob("*.onnx"))
    if not models:
        sys.exit(f"{sys.argv[1]}/tiny_models has no models: run test_models first")
    recorded = pathlib.Path(__file__).parent / "recorded"
    recorded.mkdir(exist_ok=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")  # 4, the default: inputs of 8 bits
    for model in models:
        session = onnxruntime.InferenceSession(model, options)
        stem = model.with_suffix("")
        feeds = {i.name: np.load(f"{stem}.{i.name}.npy") for i in session.get_inputs()}
        (output,) = session.run(None, feeds)
        np.save(recorded / f"{model.stem}.npy", output)
        print(f"{model.stem}: {output.dtype} {list(output.shape)}, largest {abs(output).max():.6g}")


if __name__ == "__main__":
    main()
