"""Evaluation on unseen people: protocols, scores, the threshold for unknown, and a report.

A protocol (`trainer.evaluation.protocols`) defines who is trained on and who is tested, and returns `Outcomes`: the
network's prediction for each labelled window. All scores, the choice of the threshold for unknown, and the gate
(`trainer.gate.judgement`) are computed from outcomes alone.
"""
