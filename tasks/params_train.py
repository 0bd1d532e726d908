"""The train section of params.yaml: trainers, networks and estimators."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.config import Config


class CnnNetwork(Config):
    """Convolutions in blocks, each halving the picture, then a dense layer."""

    kind: Literal["cnn"]
    channels: tuple[int, ...] = Field(
        (32, 64), min_length=1, description="filters of each block; a block is two 3x3 convolutions"
    )
    hidden: int = Field(128, ge=1, description="width of the dense layer")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="share of the dense layer and its input that is left out at random"
    )


class MlpNetwork(Config):
    """Dense layers over numbers, categories and flattened pixels."""

    kind: Literal["mlp"]
    hidden: tuple[int, ...] = Field((128, 64), description="width of each hidden layer; empty is a linear model")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of each hidden layer that is left out at random")


Network = Annotated[CnnNetwork | MlpNetwork, Field(discriminator="kind")]


class TorchTrain(Config):
    """A neural network in PyTorch."""

    kind: Literal["torch"]
    network: Network = Field(description="the layers")
    optimizer: Literal["sgd", "adam", "adamw"] = Field("adamw", description="sgd: with Nesterov momentum 0.9")
    learning_rate: float = Field(1e-3, gt=0, description="of the first epoch; see schedule")
    weight_decay: float = Field(1e-2, ge=0, description="how strongly weights are drawn towards zero")
    schedule: Literal["constant", "cosine"] = Field("cosine", description="how the learning rate runs over the epochs")
    batch_size: int = Field(64, ge=1, description="rows in one step")
    epochs: int = Field(30, ge=1, description="at most so many passes over the training rows; the best state is kept")
    patience: int | None = Field(None, ge=1, description="stop after so many epochs without a better validation loss")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="auto (cuda, then mps, then cpu), cpu, mps, cuda, cuda:1",
    )
    seed: int = Field(0, ge=0, description="of first weights, order of rows, dropout and augmentation")


class LightgbmTrain(Config):
    """Boosted trees in LightGBM, stopped early on the validation rows."""

    kind: Literal["lightgbm"]
    learning_rate: float = Field(0.05, gt=0, description="how much of each tree is added")
    num_leaves: int = Field(31, ge=2, description="most leaves of one tree")
    min_data_in_leaf: int = Field(20, ge=1, description="fewest training rows in a leaf")
    feature_fraction: float = Field(1.0, gt=0, le=1, description="share of the inputs that each tree may use")
    lambda_l2: float = Field(0.0, ge=0, description="L2 penalty on the leaves' values")
    num_iterations: int = Field(500, ge=1, description="at most so many trees a class")
    patience: int = Field(50, ge=1, description="stop after so many trees without a better validation loss")
    seed: int = Field(0, ge=0, description="of the choice of inputs")


class LogisticRegression(Config):
    """Linear classifier; takes text as TF-IDF."""

    kind: Literal["logistic_regression"]
    C: float = Field(1.0, gt=0, description="inverse of the regularization strength")
    class_weight: Literal["balanced"] | None = Field(None, description="balanced: rare classes count for more")
    max_iter: int = Field(1000, ge=1, description="at most so many iterations")


class Ridge(Config):
    """Linear regression with an L2 penalty."""

    kind: Literal["ridge"]
    alpha: float = Field(1.0, ge=0, description="strength of the penalty")


Estimator = Annotated[LogisticRegression | Ridge, Field(discriminator="kind")]


class SklearnTrain(Config):
    """An estimator of scikit-learn."""

    kind: Literal["sklearn"]
    estimator: Estimator = Field(description="which one")
    seed: int = Field(0, ge=0, description="of solvers that draw at random")


Train = Annotated[TorchTrain | LightgbmTrain | SklearnTrain, Field(discriminator="kind")]
