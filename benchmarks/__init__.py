"""What the suite's own work costs, against the least that it could cost."""
