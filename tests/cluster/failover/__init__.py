"""The drills of failover: six faults, and what a manager and Docker's restart policy make of each."""
