"""PyTorch's side of the comparisons: reads one JSON request a line, does the work, answers with its seconds.

Needs torch, torchvision, timm and pillow, and for EfficientNet-Lite efficientnet_lite_pytorch. Everything runs
channels_last on as many threads as the other side has; with {"precision": "bfloat16"} under autocast.
"""
import json
import sys
import time

import timm
import torch
from PIL import Image
from torch import nn
from torchvision import models, transforms

networks = {}


def network(name):
    if name not in networks:
        networks.clear()
        if name.startswith("deit"):
            made = timm.create_model(name)
        elif name.startswith("efficientnet_lite"):
            from efficientnet_lite_pytorch import EfficientNet

            made = EfficientNet.from_name(name.replace("_", "-"))
        elif name == "inception_v3":
            made = models.inception_v3(weights=None, init_weights=False, transform_input=False)
        else:
            made = models.get_model(name, weights=None)
        networks[name] = made.to(memory_format=torch.channels_last)
    return networks[name]


def photos(request):
    shape = (request["batch"], 3, request["size"], request["size"])
    return torch.randn(shape).contiguous(memory_format=torch.channels_last)


def precision(request):
    return torch.autocast("cpu", torch.bfloat16, enabled=request.get("precision") == "bfloat16")


def inference(request):
    net, x = network(request["arch"]).eval(), photos(request)
    start = time.perf_counter()
    with torch.inference_mode(), precision(request):
        for _ in range(request["repeats"]):
            net(x)
    return time.perf_counter() - start


def training(request):
    net, x = network(request["arch"]).train(), photos(request)
    labels = torch.arange(request["batch"]) % 1000
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    start = time.perf_counter()
    for _ in range(request["repeats"]):
        with precision(request):
            output = net(x)
            logits, auxiliary = output if isinstance(output, tuple) else (output, None)
            loss = nn.functional.cross_entropy(logits, labels)
            if auxiliary is not None:
                loss = loss + 0.4 * nn.functional.cross_entropy(auxiliary, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


class Photos(torch.utils.data.Dataset):
    def __init__(self, files, transform):
        self.files, self.transform = files, transform

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.transform(Image.open(self.files[index]).convert("RGB"))


def batches(request):
    interpolation = transforms.InterpolationMode(request["interpolation"])
    if request["view"] == "training":
        crop = [
            transforms.RandomResizedCrop(request["size"], (0.5, 1), interpolation=interpolation),
            transforms.RandomHorizontalFlip(),
        ]
    else:
        crop = [transforms.Resize(request["resize"], interpolation), transforms.CenterCrop(request["size"])]
    normalised = [transforms.ToTensor(), transforms.Normalize(request["mean"], request["std"])]
    photos = Photos(request["files"], transforms.Compose(crop + normalised))
    return torch.utils.data.DataLoader(photos, request["batch"], num_workers=2)


def decoding(request):
    start = time.perf_counter()
    for _ in batches(request):
        pass
    return time.perf_counter() - start


def features(request):
    net = network(request["arch"]).eval()
    start = time.perf_counter()
    with torch.inference_mode(), precision(request):
        for x in batches(request):
            net(x.contiguous(memory_format=torch.channels_last))
    return time.perf_counter() - start


def main():
    work = {"inference": inference, "training": training, "decoding": decoding, "features": features}
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_num_threads(request["threads"])
        print(json.dumps({"seconds": work[request["work"]](request)}), flush=True)


if __name__ == "__main__":
    main()
