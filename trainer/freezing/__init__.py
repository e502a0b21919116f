"""Freeze a trained network to the files of a release, and check that all of them give the same predictions."""

from trainer.freezing.all_formats import FILE_NAMES, Frozen, convert_all, freeze_all, measure_all
from trainer.freezing.budgets import Budget, Budgets, budgets_of, reject_outside
from trainer.freezing.errors import FreezingError
from trainer.freezing.frozen_graph import freeze_graph
from trainer.freezing.golden import GOLDEN_TOLERANCE, golden_window
from trainer.freezing.lite import freeze_lite, freeze_lite_int8
from trainer.freezing.onnx import freeze_onnx
from trainer.freezing.predictors import (
    Predictor,
    frozen_graph_predictor,
    lite_predictor,
    load_predictor,
    onnx_predictor,
)

__all__ = [
    "FILE_NAMES",
    "GOLDEN_TOLERANCE",
    "Budget",
    "Budgets",
    "FreezingError",
    "Frozen",
    "Predictor",
    "budgets_of",
    "convert_all",
    "freeze_all",
    "freeze_graph",
    "freeze_lite",
    "freeze_lite_int8",
    "freeze_onnx",
    "frozen_graph_predictor",
    "golden_window",
    "lite_predictor",
    "load_predictor",
    "measure_all",
    "onnx_predictor",
    "reject_outside",
]
