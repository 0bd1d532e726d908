"""A training as a job: what a trainer is given, workers, folds, and where checkpoints lie."""
