"""report/evidence.html: all that Allure has kept of a run, as one file that, unlike stock Allure's, loads nothing.

Allure's page fetches over file:// when it starts too early, and opens blank then, and it calls Google Analytics whatever
its settings say (Allure 3.18, found by trying): both are mended in the page that it makes.
"""

import json
import os
import re
import shutil
import subprocess
from typing import Any

from testbed import facts, node, paths
from testbed.errors import TestbedError

NAME = "evidence.html"
RESULTS = "allure-results"
ERRATUM_LABEL = "erratum"
ANALYTICS = re.compile(r'<script async src="https://www\.googletagmanager\.com.*?</script>\s*<script>.*?</script>', re.DOTALL)
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data: blob:; style-src 'unsafe-inline' data:; img-src data: blob:; "
    "font-src data:; connect-src data: blob:; frame-src data: blob:"
)
HEAD = f"""<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<script>window.allureReportData = {{}};</script>"""


def make(run_facts: dict[str, Any]) -> None:
    """Make the page from report/allure-results; without results there is none. Raises TestbedError when Allure fails."""
    results = paths.REPORT / RESULTS
    page = paths.REPORT / NAME
    page.unlink(missing_ok=True)
    if not results.is_dir() or not any(results.iterdir()):
        return
    folder = node.ensure()
    output = folder / "allure-report"
    shutil.rmtree(output, ignore_errors=True)
    versions = {name: value for name, value in facts.versions(run_facts).items() if value}
    settings = {"output": str(output), "history": str(paths.STATE / "allure-history.jsonl"), "variables": versions}
    command = [str(node.BIN / "node"), str(folder / "node_modules" / "allure" / "cli.js"), "generate"]
    made = subprocess.run(
        [*command, "--config", "allurerc.mjs", str(results)],
        cwd=folder,
        env={**os.environ, "CODODEMO_ALLURE": json.dumps(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0 or not (output / "index.html").exists():
        raise TestbedError(f"allure generate ended with {made.returncode}: {(made.stderr or made.stdout).strip()[-300:]}")
    page.write_text(mended((output / "index.html").read_text()))


def mended(page: str) -> str:
    """Allure's page without its calls to the network and its race. Raises TestbedError where it is not the page that is known."""
    page, calls = ANALYTICS.subn("", page, count=1)
    page, heads = re.subn(r'<meta charset="utf-8">', lambda _: HEAD, page, count=1)
    if (calls, heads) != (1, 1) or "googletagmanager" in page:
        raise TestbedError("Allure's page is not the one that is known how to mend; which version does node/package.json name?")
    return page
