"""Writes torchvision-views.json: what torchvision 0.28 on Pillow 13 makes of the picture of decode.test.ts, at some pixels."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

PIXELS = [[0, 0], [0, 31], [31, 0], [31, 31], [7, 19], [16, 16], [20, 3], [28, 11]]


def picture(width, height):
    y, x, channel = np.mgrid[0:height, 0:width, 0:3]
    return Image.fromarray((((x * 7 + y * 13 + channel * 50) ^ (x * y)) % 256).astype(np.uint8))


def values(view):
    pixels = np.asarray(view)
    return [pixels[y, x].tolist() for y, x in PIXELS]


SHRUNK = [(90, 60, 40), (61, 97, 37), (150, 100, 33)]
ENLARGED = [(36, 30, 33), (16, 21, 32), (13, 8, 32), (5, 7, 37), (1, 40, 32)]
SQUEEZED = [(90, 20), (20, 90), (300, 31), (3, 100), (2, 1)]

cases, squeezed = [], []
for interpolation in ['bilinear', 'bicubic']:
    mode = InterpolationMode(interpolation)
    for width, height, resize in SHRUNK + ENLARGED:
        view = Compose([Resize(resize, mode), CenterCrop(32)])(picture(width, height))
        cases.append(dict(interpolation=interpolation, width=width, height=height, resize=resize, values=values(view)))
    for width, height in SQUEEZED:
        view = Resize((32, 32), mode)(picture(width, height))
        squeezed.append(dict(interpolation=interpolation, width=width, height=height, values=values(view)))
Path(__file__).with_suffix('.json').write_text(json.dumps(dict(pixels=PIXELS, cases=cases, squeezed=squeezed)))
