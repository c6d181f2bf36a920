"""Speed of training as ratios to a device's matrix product."""
