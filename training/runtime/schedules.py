"""The learning rate of each iteration."""


def poly_lr(
    iteration: int,
    total: int,
    peak: float = 2e-4,
    *,
    floor: float = 1e-6,
    power: float = 0.9,
    warmup: int = 1500,
    warmup_ratio: float = 1e-6,
) -> float:
    """Polynomial decay, multiplied by a linear warm-up: the published schedule, at its published values.

    Args:
        iteration: counted from 0.
        total: iterations of the run; the rate reaches `floor` there.
        peak: rate that the decay starts from.
        floor: rate that it ends at.
        power: of the polynomial; 1 is linear.
        warmup: iterations of the warm-up; 0 for none.
        warmup_ratio: share of the decayed rate in force in iteration 0.
    """
    rate = float((peak - floor) * (1 - iteration / total) ** power + floor)
    if iteration < warmup:
        rate *= 1 - (1 - iteration / warmup) * (1 - warmup_ratio)
    return rate
