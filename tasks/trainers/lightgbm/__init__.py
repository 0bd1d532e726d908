"""Boosted trees in LightGBM, stopped early on the validation rows."""

from tasks.trainers.lightgbm.trainer import LightgbmTrainer

__all__ = ["LightgbmTrainer"]
