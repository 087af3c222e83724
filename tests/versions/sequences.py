"""Sequences, optionals and strings."""

import numpy as np
from onnx import helper

from frame import NAMES, data, every, graph, i64, sample, types, versions
from casts import code


def sequence_of(name):
    return helper.make_sequence_type_proto(helper.make_tensor_type_proto(code(name), None))


def pieces(name):
    return [data(name, (2, 2), seed=1), data(name, (1, 2), seed=2), data(name, (3, 2), seed=3)]


def one(op, since, name, inputs, want, label, **attributes):
    ins = [f"x{i}" for i in range(len(inputs))]
    kinds = {k: sequence_of(name) for k, v in zip(ins, inputs) if isinstance(v, list)}
    if isinstance(want, list):
        kinds["y0"] = sequence_of(name)
    graph(op, since, [helper.make_node(op, ins, ["y0"], **attributes)], dict(zip(ins, inputs)), [want], label=f"{name}_{label}",
          kinds=kinds)


def sequences():
    tensors = types("Shape", 1)
    for name in tensors:
        parts = pieces(name)
        one("SequenceConstruct", 11, name, parts, parts, "three")
        one("SequenceAt", 11, name, [parts, np.array(-1, np.int64)], parts[2], "last")
        one("SequenceAt", 11, name, [parts, np.array(1, np.int32)], parts[1], "int32")
        one("SequenceErase", 11, name, [parts, np.array(1, np.int64)], [parts[0], parts[2]], "middle")
        one("SequenceErase", 11, name, [parts], parts[:2], "default")
        one("SequenceInsert", 11, name, [parts[:2], parts[2], np.array(0, np.int64)], [parts[2], *parts[:2]], "front")
        one("SequenceInsert", 11, name, [parts[:2], parts[2]], parts, "default")
        one("SequenceLength", 11, name, [parts], np.array(3, np.int64), "three")
        one("ConcatFromSequence", 11, name, [parts], np.concatenate(parts), "concat", axis=0)
        one("ConcatFromSequence", 11, name, [[parts[0]] * 2], np.stack([parts[0]] * 2, -1), "stack", axis=-1, new_axis=1)
        empty = [helper.make_node("SequenceEmpty", [], ["e"], dtype=code(name)), helper.make_node("SequenceLength", ["e"], ["y0"])]
        graph("SequenceEmpty", 11, empty, {}, [np.array(0, np.int64)], label=name)
    for since, name in every("SplitToSequence"):
        x = data(name, (4, 3), seed=4)
        one("SplitToSequence", since, name, [x], [x[i:i + 1] for i in range(4)], "ones")
        one("SplitToSequence", since, name, [x], [x[i] for i in range(4)], "dropped", keepdims=0)
        one("SplitToSequence", since, name, [x, np.array(3, np.int64)], [x[:3], x[3:]], "number")
        one("SplitToSequence", since, name, [x, np.array([1, 2], np.int32)], [x[:, :1], x[:, 1:]], "sizes", axis=-1)
    for since in versions("Identity"):
        if since >= 14:
            one("Identity", since, "float", [pieces("float")], pieces("float"), "sequence")


def optionals():
    for name in ("float", "string", "int64", "bool"):
        x = data(name, (2, 3), seed=5)
        for since in versions("OptionalGetElement"):
            opt = helper.make_node("Optional", ["x"], ["o"])
            graph("OptionalGetElement", since, [opt, helper.make_node("OptionalGetElement", ["o"], ["y0"])], {"x": x}, [x], label=name)
            graph("OptionalHasElement", since, [opt, helper.make_node("OptionalHasElement", ["o"], ["y0"])], {"x": x},
                  [np.array(True)], label=name)
        none = helper.make_node("Optional", [], ["o"], type=helper.make_tensor_type_proto(code(name), None))
        graph("Optional", 15, [none, helper.make_node("OptionalHasElement", ["o"], ["y0"])], {}, [np.array(False)], label=f"{name}_none")
        sample("OptionalGetElement", 18, [x], [x], label=f"{name}_plain")
    sample("OptionalHasElement", 18, [data("float", (2,))], [np.array(True)], label="plain")


def strings():
    text = lambda *v: np.array(v, dtype=object)
    x = text("abc", "de", "")
    sample("StringConcat", 20, [x, text("1", "2", "3")], [text("abc1", "de2", "3")])
    sample("StringConcat", 20, [x, text("-")], [text("abc-", "de-", "-")], label="broadcast")
    sample("StringSplit", 20, [text("a b  c", "d")], [np.array([["a", "b", "c"], ["d", "", ""]], dtype=object), i64(3, 1)])
    sample("StringSplit", 20, [text("a,b,c", "d,e")], [np.array([["a", "b,c"], ["d", "e"]], dtype=object), i64(2, 2)], label="limit",
           delimiter=",", maxsplit=1)
    sample("RegexFullMatch", 20, [text("ab1", "b2", "ab")], [np.array([True, False, False])], pattern=r"a[a-z]\d")
    sample("StringNormalizer", 10, [text("Monday", "tuesday", "Friday")], [text("MONDAY", "FRIDAY")], case_change_action="UPPER",
           is_case_sensitive=1, stopwords=["tuesday"])
    sample("StringNormalizer", 10, [text("Monday", "tuesday")], [text("tuesday")], label="insensitive", stopwords=["MONDAY"])
    pool = {"ngram_counts": [0, 2], "ngram_indexes": [0, 1, 2, 3], "max_gram_length": 2, "max_skip_count": 0, "min_gram_length": 1}
    for name in types("TfIdfVectorizer", 9):
        if name == "string":
            words, keys = text("a", "b", "a", "b"), {"pool_strings": ["a", "b", "a", "b", "b", "a"]}
        else:
            words, keys = np.array([1, 2, 1, 2]).astype(NAMES[name]), {"pool_int64s": [1, 2, 1, 2, 2, 1]}
        count = np.array([2, 2, 2, 1], np.float32)
        sample("TfIdfVectorizer", 9, [words], [count], label=f"{name}_tf", mode="TF", **pool, **keys)
        weights = [0.5, 1.0, 2.0, 3.0]
        sample("TfIdfVectorizer", 9, [words], [np.array(weights, np.float32)], label=f"{name}_idf", mode="IDF", weights=weights, **pool, **keys)
        sample("TfIdfVectorizer", 9, [words], [count * np.array(weights, np.float32)], label=f"{name}_tfidf", mode="TFIDF",
               weights=weights, **pool, **keys)


def make():
    sequences()
    optionals()
    strings()
