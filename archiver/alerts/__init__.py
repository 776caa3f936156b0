"""Alerts: what is wrong after a round, told once to each channel until it is over."""
