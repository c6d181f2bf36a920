"""Learning-rate schedule."""


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
    """Polynomial decay times a linear warm-up. The defaults are the published values of both papers.

    Args:
        iteration: counted from 0.
        total: iterations of the run, at which the rate reaches `floor`.
        peak: learning rate at the start of the decay.
        floor: learning rate at the end of the decay.
        power: of the polynomial; 1 is linear decay.
        warmup: iterations of the warm-up; 0 for none.
        warmup_ratio: factor on the decayed rate at iteration 0.
    """
    # mmcv's PolyLrUpdaterHook: what decays is the part above the floor.
    rate = float((peak - floor) * (1 - iteration / total) ** power + floor)
    if iteration < warmup:
        # mmcv's linear warm-up: a factor on the decayed rate, not a ramp of its own.
        rate *= 1 - (1 - iteration / warmup) * (1 - warmup_ratio)
    return rate
