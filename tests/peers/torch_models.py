"""Architectures of torchvision and transformers with random weights, through both exporters of PyTorch, and through
onnxruntime's transformer optimiser."""

import pathlib
import tempfile

import numpy as np
import onnx
import torch
import torchvision
import transformers

SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="peers-"))
torch.manual_seed(0)
# The older exporter has no operator for attention in one call.
torch.backends.mha.set_fastpath_enabled(False)


def export(name, model, inputs, dynamo):
    """inputs: name -> tensor, in the order of the model's arguments."""
    model = model.eval()
    path = SCRATCH / f"{name.replace('/', '-')}.onnx"
    more = {"dynamo": True, "external_data": False} if dynamo else {"dynamo": False, "opset_version": 17}
    with torch.no_grad():
        torch.onnx.export(model, tuple(inputs.values()), str(path), input_names=list(inputs), **more)
    return onnx.load(path), {k: v.numpy() for k, v in inputs.items()}


def image(size=64):
    return {"x": torch.from_numpy(np.random.RandomState(1).randn(1, 3, size, size).astype(np.float32))}


class Layers(torch.nn.Module):
    """A recurrent or attention layer that returns its first output only."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        y = self.layer(x)
        return y[0] if isinstance(y, tuple) else y


def rows(*shape):
    return {"x": torch.from_numpy(np.random.RandomState(2).randn(*shape).astype(np.float32))}


class Text(torch.nn.Module):
    """What a language model says of tokens, without caches."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, mask):
        return self.model(input_ids=ids, attention_mask=mask, use_cache=False, return_dict=False)[0]


class Encoded(Text):
    def forward(self, ids, mask):
        return self.model(input_ids=ids, attention_mask=mask, return_dict=False)[0]


def tokens():
    mask = np.ones((2, 8), np.int64)
    mask[1, 5:] = 0
    return {"ids": torch.from_numpy(np.random.RandomState(3).randint(0, 90, (2, 8))), "mask": torch.from_numpy(mask)}


SMALL = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


def bert():
    return Encoded(transformers.BertModel(transformers.BertConfig(**SMALL, attn_implementation="eager")))


def gpt2():
    config = transformers.GPT2Config(vocab_size=99, n_embd=32, n_layer=2, n_head=4, n_positions=32, attn_implementation="eager")
    return Text(transformers.GPT2LMHeadModel(config))


def llama():
    config = transformers.LlamaConfig(**SMALL, num_key_value_heads=2, max_position_embeddings=32, attn_implementation="eager")
    return Text(transformers.LlamaForCausalLM(config))


def vision_transformer():
    return torchvision.models.VisionTransformer(image_size=32, patch_size=8, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=64)


MODELS = {
    "resnet18": (lambda: torchvision.models.resnet18(), image),
    "mobilenet_v3": (lambda: torchvision.models.mobilenet_v3_small(), image),
    "efficientnet_b0": (lambda: torchvision.models.efficientnet_b0(), image),
    "squeezenet": (lambda: torchvision.models.squeezenet1_1(), image),
    "shufflenet": (lambda: torchvision.models.shufflenet_v2_x0_5(), image),
    "densenet": (lambda: torchvision.models.DenseNet(8, (2, 2), 16), image),
    "convnext": (lambda: torchvision.models.convnext.ConvNeXt([torchvision.models.convnext.CNBlockConfig(16, 32, 1),
                                                               torchvision.models.convnext.CNBlockConfig(32, None, 1)]), image),
    "googlenet": (lambda: torchvision.models.GoogLeNet(num_classes=10, aux_logits=False, init_weights=False), image),
    "vision_transformer": (vision_transformer, lambda: image(32)),
    "segmentation": (lambda: Segment(torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights_backbone=None)), image),
    "lstm": (lambda: Layers(torch.nn.LSTM(6, 8, num_layers=2, bidirectional=True, batch_first=True)), lambda: rows(2, 5, 6)),
    "gru": (lambda: Layers(torch.nn.GRU(6, 8)), lambda: rows(5, 2, 6)),
    "encoder": (lambda: Layers(torch.nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)), lambda: rows(2, 5, 16)),
    "bert": (bert, tokens), "gpt2": (gpt2, tokens), "llama": (llama, tokens),
}


class Segment(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)["out"]


def made(name, dynamo):
    torch.manual_seed(0)
    model, inputs = MODELS[name]
    return export(f"{name}-{dynamo}", model(), inputs(), dynamo)


def fused(name, kind, dynamo=False):
    from onnxruntime.transformers import optimizer

    model, inputs = made(name, dynamo)
    path = SCRATCH / f"{name}-plain.onnx"
    onnx.save(model, path)
    return optimizer.optimize_model(str(path), model_type=kind, num_heads=4, hidden_size=32, opt_level=0).model, inputs


CASES = {"bert_optimised": lambda: fused("bert", "bert"), "gpt2_optimised": lambda: fused("gpt2", "gpt2")}
for _name in MODELS:
    CASES[f"{_name}_script"] = lambda a=_name: made(a, False)
    CASES[f"{_name}_dynamo"] = lambda a=_name: made(a, True)
