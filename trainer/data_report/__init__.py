"""`har data report`: a page about data sets, with charts and findings.

`survey` reads the tables once, part by part, and keeps only sums; `findings` evaluates them; `pictures` draws them;
`report` renders the page.
"""
