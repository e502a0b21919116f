"""The commands `har data`, `prepare`, `train`, `evaluate` and `cross-validate`, and the script for the baseline."""
