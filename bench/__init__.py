"""Measurements. Each prints what it measured on the machine that it ran on, and nothing else."""
