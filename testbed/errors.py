"""The one error that users see: a clear line that names the value and the mend."""


class TestbedError(Exception):
    """Something the user can mend. Its text is shown alone, without a traceback, and the exit code is 2."""

    __test__ = False  # pytest would take the name for a test class
