"""Speed of predictions as ratios to the machine's matrix product: `zsseg bench`."""
