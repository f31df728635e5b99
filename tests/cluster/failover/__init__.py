"""The drills of failover: six faults, and what a manager and Docker's restart policy make of each.

They mostly wait, so they run in a process of their own, beside the tests; those that read them come last.
"""
