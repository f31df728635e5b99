"""Drills that wait more than they work, run in a process of their own beside the workers, one after the other."""
