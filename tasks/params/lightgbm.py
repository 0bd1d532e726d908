"""The settings of boosted trees in LightGBM: `train` with `kind: lightgbm`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tasks.params.config import ClassWeight, Config, Refit, TargetTransform


class LightgbmTrain(Config):
    """Boosted trees in LightGBM, stopped early on the validation rows."""

    kind: Literal["lightgbm"]
    learning_rate: float = Field(0.05, gt=0, description="how much of each tree is added")
    num_leaves: int = Field(31, ge=2, description="most leaves of one tree")
    max_depth: int | None = Field(
        None, ge=1, description="most splits one below the other; as many as it takes if not given"
    )
    min_data_in_leaf: int = Field(20, ge=1, description="fewest training rows in a leaf")
    feature_fraction: float = Field(1.0, gt=0, le=1, description="share of the inputs that each tree may use")
    bagging_fraction: float = Field(1.0, gt=0, le=1, description="share of the rows that each tree may use")
    extra_trees: bool = Field(
        False, description="true: a split tries one place of each input, by chance, not the best; smoother, more trees"
    )
    lambda_l1: float = Field(0.0, ge=0, description="L1 penalty on the leaves' values")
    lambda_l2: float = Field(0.0, ge=0, description="L2 penalty on the leaves' values")
    categories: Literal["native", "one_by_one", "one_hot"] = Field(
        "native",
        description="native: a split sends any set of categories to either side, or one of 8 and fewer; one_by_one: "
        "always one; one_hot: the same by an input for each",
    )
    monotone: dict[str, Literal["increasing", "decreasing"]] = Field(
        default_factory=dict,
        description="number columns with which the answer (of two classes the second one's probability) may only "
        "rise, or only fall",
    )
    class_weight: ClassWeight = Field(
        None, description="how much a row of a class counts; balanced: each class as much as any other"
    )
    num_iterations: int = Field(500, ge=1, description="at most so many trees a class")
    patience: int = Field(50, ge=1, description="stop after so many trees without a better validation loss")
    device: Literal["cpu", "auto", "gpu", "cuda"] = Field(
        "cpu",
        description="auto: a GPU if there is one, whose trees differ from the CPU's in the last bits; gpu (OpenCL) and "
        "cuda need a LightGBM that was built for them",
    )
    seed: int = Field(0, ge=0, description="of the choice of inputs and rows")
    refit: Refit = "none"
    target_transform: TargetTransform = "none"

    @model_validator(mode="after")
    def _leaves_fit_the_depth(self) -> LightgbmTrain:
        # The default of num_leaves is not what anybody asked for: the depth then limits it.
        if self.max_depth is not None and not self.is_default("num_leaves") and self.num_leaves > 2**self.max_depth:
            raise ValueError(
                f"num_leaves {self.num_leaves} do not fit max_depth {self.max_depth}, which allows "
                f"{2**self.max_depth}; give fewer leaves or more depth"
            )
        return self

    @model_validator(mode="after")
    def _cuda_obeys(self) -> LightgbmTrain:
        if self.device == "cuda" and not self.fits_cuda:
            ignored = "max_depth" if self.max_depth is not None else "monotone"
            raise ValueError(
                f"device cuda: LightGBM does not look at {ignored} there; use device: cpu or gpu, or take it out"
            )
        return self

    @property
    def fits_cuda(self) -> bool:
        """Whether LightGBM's trees on CUDA would be what is asked for: that code knows no depth and no direction."""
        return self.max_depth is None and not self.monotone
