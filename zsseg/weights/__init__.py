"""Files of weights: checkpoints of heads, backbone folders, the hub, released checkpoints."""
