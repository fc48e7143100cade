"""Traces out: one module for each format a trace can be written in; `formats` knows them all.

Importing this package loads nothing heavy, so that the command line can name the formats at once.
"""
