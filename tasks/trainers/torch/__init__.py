"""Neural networks in PyTorch: one loop for every network, exact and resumable, told to listeners."""

from tasks.trainers.torch.trainer import TorchTrainer

__all__ = ["TorchTrainer"]
