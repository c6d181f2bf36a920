"""What every training run needs: device, learning-rate schedule, time budget, logs."""
