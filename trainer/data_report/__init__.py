"""`har data report`: what data sets hold, in pictures, and what is wrong with them.

`survey` reads the tables once, part by part, and keeps only sums; `findings` judges them; `pictures` draws them;
`report` puts the page together.
"""
