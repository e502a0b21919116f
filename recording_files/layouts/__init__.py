"""Layouts of the tables that phone apps and data sets write, one module each."""
