"""Estimators of scikit-learn, and any other by its import path: from blocks of columns to a file without pickles."""

from tasks.trainers.sklearn.trainer import SklearnTrainer

__all__ = ["SklearnTrainer"]
