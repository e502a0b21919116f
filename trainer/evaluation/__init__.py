"""How right a network is about people it has not seen: protocols, measures, the unknown answer, and a report.

A protocol (`trainer.evaluation.protocols`) says who is trained on and who is tested, and gives `Outcomes`: what the
network answered for each labelled window. Every measure, the choice of the threshold for unknown, and the gate
(`trainer.gate.judgement`) are computed from outcomes alone.
"""
