"""The curves of a run, as a picture."""

import importlib

import matplotlib as mpl

from trainer.runs import plots


def test_matplotlib_goes_on_drawing_where_its_user_chose(monkeypatch):
    # A notebook shows no picture after a module has chosen another backend.
    monkeypatch.setitem(mpl.rcParams, "backend", "svg")
    importlib.reload(plots)
    assert mpl.rcParams["backend"] == "svg"
