"""The stories that examples/demo.py tells, one for each way of waiting.

Each file is a program of its own kind; start reading at `story`.
"""
