"""Fuzzing: everything that can reach a Perennial from outside, with valid, nearly valid and hostile content, by seed.

Nothing here imports the product. What an answer may look like is written down a second time, in `fuzz.judgement`.
"""
