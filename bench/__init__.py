"""Measurements and a simulated day. Each prints its results for the machine that it ran on."""
