"""The library under the suite: machines, providers, discovery, evidence and the register's model."""
