"""The claims that a test is marked with, read from its source: for a test whose process can no longer be asked."""

import ast
from pathlib import Path

FORMS = ("claim", "as_written")


def of_test(nodeid: str, root: Path) -> tuple[tuple[str, ...], str]:
    """The ids and the form in the test's decorators; no ids where its source does not tell."""
    file, _, name = nodeid.partition("::")
    try:
        module = ast.parse((root / file).read_text())
    except (OSError, SyntaxError):
        return (), "claim"
    wanted = name.rpartition("::")[2].partition("[")[0]
    marks = [
        (call.func.id, str(call.args[0].value))
        for function in ast.walk(module)
        if isinstance(function, ast.FunctionDef) and function.name == wanted
        for call in function.decorator_list
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in FORMS
        if call.args and isinstance(call.args[0], ast.Constant)
    ]
    return tuple(claim_id for _, claim_id in marks), marks[0][0] if marks else "claim"
