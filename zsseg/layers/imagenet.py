"""Mean and standard deviation of the pixels of ImageNet, red, green and blue, by which many networks normalise photos.

The same numbers appear on two scales: open_clip's files hold fractions, 0..1, our checkpoints pixel values, 0..255.
"""

Triple = tuple[float, float, float]

MEAN: Triple = (0.485, 0.456, 0.406)
STD: Triple = (0.229, 0.224, 0.225)
# The published values, to the last bit; 255 times the fractions differ from them in the last one.
MEAN_255: Triple = (123.675, 116.28, 103.53)
STD_255: Triple = (58.395, 57.12, 57.375)
