"""Several models as one: each trained once a fold, and the mean of their answers by weights found on the folds."""

from tasks.trainers.ensemble.trainer import EnsembleTrainer

__all__ = ["EnsembleTrainer"]
