"""What to look at when something went wrong: every machine's journal, containers and etcd, without needing ssh."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from testbed import paths
from testbed.providers import Provider

QUESTIONS = {
    "journal": "journalctl --no-pager --lines={lines} --output=short-precise",
    "failed units": "systemctl --no-pager --failed",
    "containers": "docker ps -a",
    "etcd": "curl -sm 2 http://127.0.0.1:2379/health",
}


def of_machine(provider: Provider, name: str, lines: int = 2000) -> str:
    """The machine's answers to all QUESTIONS, as one text, with so many lines of its journal."""
    asked = {title: command.format(lines=lines) for title, command in QUESTIONS.items()}
    return "".join(f"===== {name}: {title}\n{provider.execute(name, command)}\n" for title, command in asked.items())


def gather(provider: Provider, names: list[str], say: Callable[[str], object], when: str = "") -> None:
    """Write the evidence of these machines to report/journals, a file a machine; a machine that cannot answer says why.

    The words `when` are in the files' names, where other evidence will follow.
    """
    folder = paths.REPORT / "journals"
    folder.mkdir(parents=True, exist_ok=True)

    def write(name: str) -> None:
        try:
            text = of_machine(provider, name)
        except Exception as error:
            text = f"{name}: no evidence could be had: {error}\n"
        (folder / f"{name}{when and f'-{when}'}.log").write_text(text)

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(write, names))
    say(f"the machines' journals are in {folder.relative_to(paths.ROOT)}")
