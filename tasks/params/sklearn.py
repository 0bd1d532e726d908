"""The settings of scikit-learn's estimators: `train` with `kind: sklearn`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tasks.params.config import ClassWeight, Config, Refit, TargetTransform

_CLASS_WEIGHT = "how much a row of a class counts, by name; balanced: each class as much as any other; classes only"


class LogisticRegression(Config):
    """Linear classifier; takes text as TF-IDF."""

    kind: Literal["logistic_regression"]
    C: float = Field(1.0, gt=0, description="inverse of the regularization strength")
    class_weight: ClassWeight = Field(None, description=_CLASS_WEIGHT)
    max_iter: int = Field(1000, ge=1, description="at most so many iterations")


class Ridge(Config):
    """Linear regression with an L2 penalty."""

    kind: Literal["ridge"]
    alpha: float = Field(1.0, ge=0, description="strength of the penalty")


class ElasticNet(Config):
    """Linear regression with L1 and L2 penalties: many weights become zero."""

    kind: Literal["elastic_net"]
    alpha: float = Field(1.0, gt=0, description="strength of both penalties")
    l1_ratio: float = Field(0.5, ge=0, le=1, description="share of the L1 penalty")
    max_iter: int = Field(1000, ge=1, description="at most so many iterations")


class Svm(Config):
    """Support vector machine, for classes or numbers. For up to some ten thousand rows: time grows with their square.

    Its probabilities are sigmoids of its scores, learnt on the validation rows.
    """

    kind: Literal["svm"]
    kernel: Literal["linear", "rbf", "poly", "sigmoid"] = Field("rbf", description="what is called similar")
    C: float = Field(1.0, gt=0, description="inverse of the regularization strength")
    gamma: Literal["scale", "auto"] | Annotated[float, Field(gt=0)] = Field(
        "scale", description="how near a row must be to matter; scale: by the inputs' variance; auto: by their number"
    )
    epsilon: float = Field(0.1, ge=0, description="numbers only: errors that cost nothing, in deviations of the target")
    class_weight: ClassWeight = Field(None, description=_CLASS_WEIGHT)


class KNeighbors(Config):
    """The answer of the training rows that are nearest. It holds all of them, so the model is as large as the data."""

    kind: Literal["k_neighbors"]
    n_neighbors: int = Field(5, ge=1, description="rows that are asked")
    weights: Literal["uniform", "distance"] = Field("uniform", description="distance: nearer rows count for more")
    metric: Literal["euclidean", "manhattan", "cosine"] = Field("euclidean", description="what is called near")


class _Forest(Config):
    kind: str
    n_estimators: int = Field(200, ge=1, description="trees")
    max_depth: int | None = Field(None, ge=1, description="most splits one below the other")
    min_samples_leaf: int = Field(1, ge=1, description="fewest training rows in a leaf")
    max_features: Literal["sqrt", "log2"] | Annotated[float, Field(gt=0, le=1)] = Field(
        "sqrt", description="inputs that each split looks at: their root, their logarithm, or a share"
    )
    class_weight: ClassWeight = Field(None, description=_CLASS_WEIGHT)


class RandomForest(_Forest):
    """The mean of many trees, each of other rows and inputs. Strong without any tuning."""

    kind: Literal["random_forest"]


class ExtraTrees(_Forest):
    """The mean of many trees that cut at random places: smoother than a random forest, and a good member beside boosted
    trees."""

    kind: Literal["extra_trees"]


class HistGradientBoosting(Config):
    """Boosted trees of scikit-learn, stopped early on the validation rows. On one core; lightgbm takes all."""

    kind: Literal["hist_gradient_boosting"]
    learning_rate: float = Field(0.1, gt=0, description="how much of each tree is added")
    max_iter: int = Field(200, ge=1, description="at most so many trees a class")
    max_leaf_nodes: int = Field(31, ge=2, description="most leaves of one tree")
    min_samples_leaf: int = Field(20, ge=1, description="fewest training rows in a leaf")
    l2_regularization: float = Field(0.0, ge=0, description="L2 penalty on the leaves' values")
    patience: int | None = Field(
        20, ge=1, description="stop after so many trees without a better validation loss; null: never"
    )
    class_weight: ClassWeight = Field(None, description=_CLASS_WEIGHT)


class NaiveBayes(Config):
    """Classes by how often each input comes with them, as if inputs knew nothing of each other. Fast; fine for text."""

    kind: Literal["naive_bayes"]
    distribution: Literal["auto", "gaussian", "multinomial", "bernoulli"] = Field(
        "auto",
        description="of the inputs; auto: multinomial where all are text as TF-IDF or categories, else gaussian; "
        "bernoulli: only whether an input is above zero",
    )
    smoothing: float = Field(1.0, gt=0, description="multinomial, bernoulli: count added to each input")

    @model_validator(mode="after")
    def _smoothing_is_of_counts(self) -> NaiveBayes:
        if self.distribution == "gaussian" and not self.is_default("smoothing"):
            raise ValueError("smoothing is added to counts, and distribution: gaussian counts nothing; take it out")
        return self


ImportPath = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]


class ImportedEstimator(Config):
    """Any estimator with fit and predict, by its import path: of scikit-learn, or of the list `allowed`."""

    kind: Literal["import"]
    path: ImportPath = Field(description="such as sklearn.ensemble.ExtraTreesClassifier")
    settings: dict[str, Any] = Field(default_factory=dict, description="its parameters, by their names")
    allowed: tuple[ImportPath, ...] = Field(
        (), description="import paths beyond scikit-learn's that may be imported and loaded, such as mylib.MyClassifier"
    )

    @model_validator(mode="after")
    def _path_is_allowed(self) -> ImportedEstimator:
        if not self.path.startswith("sklearn.") and self.path not in self.allowed:
            raise ValueError(
                f"path {self.path} is not of scikit-learn: importing it runs its code, so write allowed: [{self.path}] "
                "beside it if you trust that"
            )
        return self


Estimator = Annotated[
    LogisticRegression
    | Ridge
    | ElasticNet
    | Svm
    | KNeighbors
    | RandomForest
    | ExtraTrees
    | HistGradientBoosting
    | NaiveBayes
    | ImportedEstimator,
    Field(discriminator="kind"),
]


class SklearnTrain(Config):
    """An estimator of scikit-learn."""

    kind: Literal["sklearn"]
    estimator: Estimator = Field(description="which one")
    seed: int = Field(0, ge=0, description="of estimators that draw at random")
    refit: Refit = "none"
    target_transform: TargetTransform = "none"

    @model_validator(mode="after")
    def _has_rows_left(self) -> SklearnTrain:
        if self.refit != "none" and self.estimator.kind in ("svm", "import"):
            raise ValueError(
                f"refit {self.refit} leaves no rows to learn the probabilities of {self.estimator.kind} on; take refit "
                "out, or use another estimator"
            )
        return self
