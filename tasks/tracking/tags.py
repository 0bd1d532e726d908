"""The names under which runs, models and versions are found again: tags, and the aliases of versions."""

PIPELINE_TAG = "modelwright.pipeline"
MODEL_TAG = "modelwright.model"
DATA_TAG = "modelwright.data"
CODE_TAG = "modelwright.code"
TEST_ROWS_TAG = "modelwright.test_rows"
PROCESS_TAG = "modelwright.process"
TUNING_TAG = "modelwright.tuning"
TRIAL_TAG = "modelwright.trial"
PROMOTION_TAG = "modelwright.promotion"

CHAMPION = "champion"
CHALLENGER = "challenger"
