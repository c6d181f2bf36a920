"""Data sets: file layouts, class names and splits, augmentation, batches."""
