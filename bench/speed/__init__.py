"""The speed of the product against floors: what the engine, the store and other engines do without Perennial.

`python -m bench.speed` runs it (`make bench`). `docs/performance.md` explains the figures.
"""
