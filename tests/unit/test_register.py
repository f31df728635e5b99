"""The register's loader: what it reads, and that each mistake is told with its file, line, claim and field."""

from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.register import load

CHAPTER = """\
chapter: etcd
title: etcd by hand
claims:
"""
CLAIM = """\
  - id: etcd.version
    where: later CoreOS.md:125
    claim: etcd tells its version.
    kind: command
    today: holds
    needs: [cluster]
    sabotage: stop etcd
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    claims = tmp_path / "claims"
    claims.mkdir()
    return claims


def mistakes(folder: Path, claims: str, file: str = "05-etcd.yaml") -> list[str]:
    """Writes a chapter of these claims and returns the lines of the loader's error."""
    (folder / file).write_text(CHAPTER + claims)
    with pytest.raises(TestbedError) as error:
        load(folder)
    return str(error.value).splitlines()


def test_chapters_come_in_file_order_with_their_claims(folder: Path) -> None:
    (folder / "05-etcd.yaml").write_text(CHAPTER + CLAIM)
    (folder / "04-web.yaml").write_text((CHAPTER + CLAIM).replace("etcd", "web"))
    register = load(folder)
    assert [chapter.chapter for chapter in register.chapters] == ["web", "etcd"]
    assert list(register.claims) == ["web.version", "etcd.version"]
    assert register.claims["etcd.version"].needs == ("cluster",)


@pytest.mark.parametrize(
    ("instead", "forms"),
    [
        ("today: holds", ("claim",)),
        ("today: changed\n    truth: t", ("claim", "as_written")),
        ("today: changed\n    truth: t\n    holds_here: h", ("claim",)),
        ("today: wrong\n    truth: t", ("claim", "as_written")),
    ],
)
def test_what_forms_of_test_a_claim_must_have(folder: Path, instead: str, forms: tuple[str, ...]) -> None:
    (folder / "05-etcd.yaml").write_text(CHAPTER + CLAIM.replace("today: holds", instead))
    assert load(folder).claims["etcd.version"].forms == forms


def test_an_untestable_claim_needs_no_test_whatever_it_is_today(folder: Path) -> None:
    text = CLAIM.replace("sabotage: stop etcd", "untestable: opinion").replace("today: holds", "today: wrong\n    truth: t")
    (folder / "05-etcd.yaml").write_text(CHAPTER + text)
    assert load(folder).claims["etcd.version"].forms == ()


def test_a_claim_tells_what_it_lacks(folder: Path) -> None:
    (folder / "05-etcd.yaml").write_text(CHAPTER + CLAIM.replace("[cluster]", "[cluster, fleet, vm]"))
    assert load(folder).claims["etcd.version"].lacks({"cluster", "vm"}) == ("fleet",)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "today: holds",
            "today: hold",
            "8: etcd.version: today: Input should be 'holds', 'changed' or 'wrong', not 'hold'",
        ),
        (
            "today: holds",
            "today: yes",
            "8: etcd.version: today: YAML takes yes, no, on, off for booleans; write holds, changed or wrong",
        ),
        (
            "today: holds",
            "today: wrong",
            "4: etcd.version: truth: is missing: say what is true, as the claim is wrong",
        ),
        ("[cluster]", "[cluster, flet]", "9: etcd.version: needs: 'flet' is unknown; did you mean 'fleet'?"),
        (
            "[cluster]",
            "[cluster]\n    also_needs: [vmm]",
            "10: etcd.version: also_needs: 'vmm' is unknown; did you mean 'vm'?",
        ),
        (
            "    sabotage: stop etcd\n",
            "",
            "4: etcd.version: untestable: give one of sabotage and untestable, not neither",
        ),
        (
            "sabotage: stop etcd",
            "sabotage: stop etcd\n    untestable: opinion",
            "11: etcd.version: untestable: give one of sabotage and untestable, not both",
        ),
        ("etcd.version", "fleet.version", "4: fleet.version: id: must begin with 'etcd.', its chapter"),
        ("    kind: command\n", "", "4: etcd.version: kind: Field required"),
        ("kind: command", "kin: command", "7: etcd.version: kin: Extra inputs are not permitted"),
        ("    kind: command", "    kind: command\n    kind: fact", "8: kind stands twice"),
        ("kind: command", "kind: a: b", "7: mapping values are not allowed in this context"),
        (
            "sabotage: stop etcd",
            "sabotage: stop etcd\n    holds_here: h",
            "11: etcd.version: holds_here: is only for what is changed, and the claim is marked holds",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(folder: Path, old: str, new: str, told: str) -> None:
    assert f"claims/05-etcd.yaml:{told}" in mistakes(folder, CLAIM.replace(old, new))


def test_all_mistakes_of_all_files_are_told_at_once(folder: Path) -> None:
    (folder / "04-web.yaml").write_text("chapter: web\n")
    told = mistakes(folder, CLAIM.replace("[cluster]", "[x]") + CLAIM.replace("command", "x"))
    assert [line.split(" ")[0] for line in told] == [
        "claims/04-web.yaml:1:",
        "claims/04-web.yaml:1:",
        "claims/05-etcd.yaml:9:",
        "claims/05-etcd.yaml:14:",
    ]


def test_an_id_that_stands_twice_is_told_with_both_places(folder: Path) -> None:
    assert mistakes(folder, CLAIM + CLAIM) == [
        "claims/05-etcd.yaml:11: etcd.version: id: stands already at claims/05-etcd.yaml:4"
    ]


def test_two_files_of_one_chapter_share_the_space_of_ids(folder: Path) -> None:
    (folder / "04-etcd.yaml").write_text(CHAPTER + CLAIM)
    assert mistakes(folder, CLAIM) == ["claims/05-etcd.yaml:4: etcd.version: id: stands already at claims/04-etcd.yaml:4"]


def test_the_file_is_named_after_its_chapter(folder: Path) -> None:
    told = mistakes(folder, CLAIM, file="05-fleet.yaml")
    assert "claims/05-fleet.yaml:1: chapter: is 'etcd', so the file's name must be NN-etcd.yaml" in told


def test_a_folder_without_a_register_is_a_mistake(folder: Path) -> None:
    with pytest.raises(TestbedError, match=r"not one NN-<chapter>\.yaml"):
        load(folder)
