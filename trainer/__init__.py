"""Training: recordings to windows, windows to a network, a network to a frozen release.

TensorFlow is imported in this package only, and there only by the modules `networks`, `training` and
`freezing` (and so by `baseline`, which joins them).
"""
