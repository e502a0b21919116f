"""What training costs, over how many executors, and how well the result does on people it has not seen."""
