"""Chaos: people use a deployment over HTTP and sockets while its processes and links fail, and a checker decides from outside.

Nothing here imports the product. What the product promises is written down a second time, in `chaos.checker`.
"""
