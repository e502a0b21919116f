"""Evaluation on unseen people: protocols, measures, the threshold for unknown, and a report.

A protocol (`trainer.evaluation.protocols`) defines who is trained on and who is tested, and returns `Outcomes`: the
network's prediction for each labelled window. All measures, the choice of the threshold for unknown, and the gate
(`trainer.gate.judgement`) are computed from outcomes alone.
"""
