"""What a person calls: `har data`, `prepare`, `train`, `evaluate`, `cross-validate`, and the shipped baseline."""
