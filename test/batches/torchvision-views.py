"""Writes torchvision-views.json: what torchvision 0.28 on Pillow makes of the picture of decode.test.ts, at some pixels."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

PIXELS = [[0, 0], [0, 31], [31, 0], [31, 31], [7, 19], [16, 16], [20, 3], [28, 11]]


def picture(width, height):
    y, x, channel = np.mgrid[0:height, 0:width, 0:3]
    return Image.fromarray((((x * 7 + y * 13 + channel * 50) ^ (x * y)) % 256).astype(np.uint8))


cases = []
for interpolation in ['bilinear', 'bicubic']:
    for width, height, resize in [(90, 60, 40), (61, 97, 37), (150, 100, 33)]:
        view = Compose([Resize(resize, InterpolationMode(interpolation)), CenterCrop(32)])
        pixels = np.asarray(view(picture(width, height)))
        values = [pixels[y, x].tolist() for y, x in PIXELS]
        cases.append(dict(interpolation=interpolation, width=width, height=height, resize=resize, values=values))
Path(__file__).with_suffix('.json').write_text(json.dumps(dict(pixels=PIXELS, cases=cases)))
