"""From documents to clauses and back: each line is accounted for, each clause has its proof, and a gap is noticed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pollproof.bundled import bundled, folder
from pollproof.cli.main import cli
from pollproof.contract.model import Contract
from pollproof.contract.sources import Citation, Passage, Source
from pollproof.loading import ContractError, load_contract
from pollproof.proof import find_missing_proof
from pollproof.report.rule_book.coverage import gaps, passage_rows, passage_summary
from tests.servers import ROOT

CONTRACTS = [load_contract(name) for name in bundled()]
CAPSOLVER = load_contract("capsolver")
PRIMARY = [(contract, source) for contract in CONTRACTS for source in contract.sources.values() if source.lines]
DOCUMENTS = Path(os.environ.get("POLLPROOF_DOCUMENTS") or ROOT / "documents")
"""The documents themselves are no part of the project; where somebody has them, the passages are held to their text."""

every_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
every_document = pytest.mark.parametrize(
    ("contract", "source"), PRIMARY, ids=[source.document for _, source in PRIMARY]
)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["clauses", *words])


# ----------------------------------------------------------------------------------- what must be there


@every_contract
def test_every_clause_has_a_source_a_mutant_a_legal_variant_and_a_golden_bad_history(contract: Contract) -> None:
    assert find_missing_proof(contract, folder("cassettes")) == []


@every_contract
def test_every_line_of_a_document_is_accounted_for_and_every_citation_is_among_them(contract: Contract) -> None:
    assert gaps(contract) == []


@every_contract
def test_the_lines_of_every_document_at_hand_are_counted(contract: Contract) -> None:
    primary = [source for source in contract.sources.values() if source.basis == "primary"]
    assert primary
    assert all(source.lines and source.digest for source in primary)


@every_contract
def test_every_clause_cites_a_line_or_a_place_in_words(contract: Contract) -> None:
    assert [c.id for c in contract.clauses for place in c.citations if not place.lines and not place.place] == []


@every_contract
def test_everything_that_is_left_open_has_a_name_and_a_reason(contract: Contract) -> None:
    assert all(entry.name and entry.reason for entry in contract.unspecified)


# ------------------------------------------------------------------------------- that its lack is noticed


def test_a_clause_without_source_mutant_variant_or_history_is_noticed(tmp_path: Path) -> None:
    clause = CAPSOLVER.clause("capsolver.poll.http-status")
    others = tuple(each for each in CAPSOLVER.clauses if each is not clause)

    def lacking(home: Path | None = None, **changes: Any) -> list[str]:
        found = replace(CAPSOLVER, clauses=(*others, replace(clause, **changes)))
        return [text for text in find_missing_proof(found, home or folder("cassettes")) if text.startswith(clause.id)]

    assert lacking() == []
    assert lacking(citations=()) == [f"{clause.id}: no source is given"]
    assert lacking(kind="shape", breaks=()) == [f"{clause.id}: no mutant shows that it can fail"]
    assert lacking(tmp_path) == [f"{clause.id}: no golden bad history shows a violation of it"]
    variants = tuple(replace(each, clauses=()) for each in CAPSOLVER.variants)
    found = find_missing_proof(replace(CAPSOLVER, variants=variants), folder("cassettes"))
    assert f"{clause.id}: no legal variant shows what it lets pass" in found


def test_a_golden_bad_history_of_no_clause_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "capsolver" / "bad").mkdir(parents=True)
    (tmp_path / "capsolver" / "bad" / "capsolver.gone.yaml.gz").touch()
    assert "capsolver.gone: a golden bad history of a clause that is not there" in find_missing_proof(
        CAPSOLVER, tmp_path
    )


def test_a_line_that_no_passage_speaks_of_is_noticed() -> None:
    rest = tuple(each for each in CAPSOLVER.passages if each.citation.lines != "67")
    assert gaps(replace(CAPSOLVER, passages=rest)) == ["001_e8ac00d752bbd89a.txt, line 67: no passage speaks of it"]


def test_a_line_of_which_two_passages_speak_is_noticed() -> None:
    twice = (*CAPSOLVER.passages, CAPSOLVER.passages[2])
    assert gaps(replace(CAPSOLVER, passages=twice)) == ["001_e8ac00d752bbd89a.txt, line 8: two passages speak of it"]


def test_a_citation_that_no_passage_names_is_noticed() -> None:
    blind = tuple(
        replace(each, clauses=tuple(name for name in each.clauses if name != "capsolver.client.wait"))
        for each in CAPSOLVER.passages
    )
    [gap] = gaps(replace(CAPSOLVER, passages=blind))
    assert gap.startswith("capsolver.client.wait cites getTaskResult, Portuguese (001_e8ac00d752bbd89a.txt), line 63")
    assert gap.endswith("and no passage there names it")


def test_a_citation_beyond_the_end_of_its_document_is_noticed() -> None:
    clause = CAPSOLVER.clauses[0]
    beyond = replace(clause, citations=(Citation(CAPSOLVER.sources["pt"], "60-70", ""),))
    found = gaps(replace(CAPSOLVER, clauses=(beyond, *CAPSOLVER.clauses[1:])))
    assert any("lines 60-70, which has 67 lines" in gap for gap in found)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"pt:8, note 1"', '"pt:8-80"', "the lines within the 67 of it"),
        ('"pt:8, note 1"', '"create:8"', "the source 'create' has no `lines`"),
        (
            '"capsolver.poll.terminal", ',
            '"capsolver.poll.termnal", ',
            "did you mean 'capsolver.poll.terminal'",
        ),
        ('"refused-polls", "loss-code"', '"refused-poll"', "'refused-poll' is not in [[unspecified]]"),
        (
            'observations = ["capsolver.solving-time"]',
            'observations = ["capsolver.time"]',
            "is not in [[observations]]",
        ),
        (', observations = ["capsolver.solving-time"]', "", "expected either `aside` or at least one of clauses"),
        ('observations = ["capsolver.solving-time"]', 'aside = "none"', ""),
    ],
)
def test_a_passage_that_refers_to_nothing_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    text = (ROOT / "contracts" / "capsolver.toml").read_text(encoding="utf-8")
    start = text.index("[passages]")
    assert old in text[start:]
    path = tmp_path / "copy.toml"
    path.write_text(text[:start] + text[start:].replace(old, new, 1), encoding="utf-8")
    if not problem:
        assert load_contract(path).passages[4].aside == "none"
        return
    with pytest.raises(ContractError) as caught:
        load_contract(path)
    assert problem in str(caught.value)


# ------------------------------------------------------------------------------- the documents' own words


TELLING = re.compile(
    r"""
    \d{2,} | \b\d+\ ?s\b                                            # figures
    | \b(?:ERR|ERROR)_ | errorId | errorCode | taskId | task_id | callback_url | passthrough
    | \b(?:max\w*|m[áa]xim\w*|must|deve\w*|required|obrigat\w*|limit\w*|wymagan\w*|musi)\b   # words that bind
    | 必需 | 必须 | 最多 | 限制 | 不能 | 无限 | अधिकतम | आवश्यक | भीतर
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Figures, names of fields and words that bind: a line that has any of them states a rule, or is listed below."""

HARMLESS = {
    "001_e8ac00d752bbd89a.txt": {67},  # a link to the list of error codes
    "002_98b3f3e07e4ae51f.txt": {34, 37, 63, 64, 65},  # tables that were commented out; the text says the same
}
"""Lines that look like rules and state none that is not stated elsewhere."""


def words_of_rules(contract: Contract) -> re.Pattern[str]:
    statuses = "|".join(rf"\b{re.escape(status)}\b" for status in contract.statuses)
    return re.compile(f"(?:{TELLING.pattern})|{statuses}", re.VERBOSE | re.IGNORECASE)


def told_in_asides(contract: Contract, source: Source, lines: list[str]) -> list[int]:
    """The lines that look like rules among those that are said to state none."""
    asides = [each for each in contract.passages if each.aside and each.citation.source is source]
    numbers = [number for each in asides for number in each.citation.span]
    return [number for number in numbers if words_of_rules(contract).search(lines[number - 1])]


def lines_of(source: Source) -> list[str]:
    path = DOCUMENTS / source.document
    if not path.is_file():
        pytest.skip(f"{source.document} is not at hand: POLLPROOF_DOCUMENTS names the folder of the documents")
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == source.digest, "the document is not the one whose lines were read"
    return content.decode().removesuffix("\n").split("\n")


@every_document
def test_no_line_that_looks_like_a_rule_is_said_to_state_none(contract: Contract, source: Source) -> None:
    lines = lines_of(source)
    assert len(lines) == source.lines
    assert set(told_in_asides(contract, source, lines)) == HARMLESS.get(source.document, set())


@every_document
def test_no_sentence_of_a_document_is_copied(contract: Contract, source: Source) -> None:
    text = " ".join(lines_of(source))
    told = [*(each.gist for each in contract.passages), *(each.text for each in contract.clauses)]
    assert [sentence for sentence in told if len(sentence) > 20 and sentence.rstrip(".") in text] == []


@pytest.mark.parametrize(
    "line", ["at most 12 requests", "status: ready", "o máximo", "每个任务最多", "ERR_X", "wait 3 s", "obrigatório"]
)
def test_a_rule_among_what_is_said_to_state_none_is_noticed(line: str) -> None:
    source = CAPSOLVER.sources["pt"]
    lines = ["nothing here"] * 67
    assert told_in_asides(CAPSOLVER, source, lines) == []
    lines[2] = line
    assert told_in_asides(CAPSOLVER, source, lines) == [3]


# ---------------------------------------------------------------------------------------- the command


def test_the_command_prints_each_passage_and_what_was_made_of_it() -> None:
    result = run("capsolver", "--coverage")
    assert result.exit_code == 0
    assert "001_e8ac00d752bbd89a.txt" in result.output
    assert "capsolver.solving-time (measured)" in result.output
    assert "open: antibots" in result.output
    assert "no rule" in result.output
    assert passage_summary(CAPSOLVER) in result.output


def test_the_passages_are_told_as_json_with_their_reasons() -> None:
    result = run("capsolver", "--coverage", "--json")
    document = json.loads(result.output)
    assert document["gaps"] == []
    assert document["passages"] == passage_rows(CAPSOLVER)
    [antibots] = [row for row in document["passages"] if row["lines"] == "20-21"]
    assert antibots["clauses"] == []
    assert antibots["unspecified"][0]["reason"]


def test_a_gap_ends_with_status_1_and_is_told(tmp_path: Path) -> None:
    text = (ROOT / "contracts" / "capsolver.toml").read_text(encoding="utf-8")
    path = tmp_path / "copy.toml"
    path.write_text(text.replace('"pt:8, note 1" =', '"pt:7, note 1" =', 1), encoding="utf-8")
    result = run(str(path), "--coverage")
    assert result.exit_code == 1
    assert "gap: 001_e8ac00d752bbd89a.txt, line 8: no passage speaks of it" in result.stderr


def test_a_contract_whose_documents_are_not_counted_is_no_gap() -> None:
    result = run(str(ROOT / "tests" / "apis" / "oxylabs.toml"), "--coverage")
    assert result.exit_code == 0
    assert "none of its documents has its lines counted" in result.output


# --------------------------------------------------------------------------------------- the rule book


def links(text: str) -> Iterator[str]:
    yield from re.findall(r"\]\((#[^)]+|[^):]+)\)", text)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w-]", "", heading.lstrip("# ").lower().replace(" ", "-"))


def test_the_rule_book_is_what_the_contracts_say() -> None:
    kept = (ROOT / "contracts" / "README.md").read_text(encoding="utf-8")
    assert kept == run("--markdown").output, "run: pollproof clauses --markdown > contracts/README.md"


def test_the_rule_book_tells_every_clause_with_its_level_text_and_mutants_and_all_that_is_left_open() -> None:
    book = (ROOT / "contracts" / "README.md").read_text(encoding="utf-8")
    for contract in CONTRACTS:
        for clause in contract.clauses:
            [row] = [line for line in book.splitlines() if line.startswith(f"| `{clause.id}`")]
            assert f"**{clause.level.value}**" in row
            assert clause.text.replace("|", "\\|") in row
        for entry in contract.unspecified:
            assert entry.reason.replace("|", "\\|") in book
    headings = {anchor(line) for line in book.splitlines() if line.startswith("#")}
    for link in links(book):
        assert (link[1:] in headings) if link.startswith("#") else (ROOT / "contracts" / link).is_file()


def test_a_contract_that_changes_makes_the_rule_book_stale(tmp_path: Path) -> None:
    text = (ROOT / "contracts" / "capsolver.toml").read_text(encoding="utf-8")
    path = tmp_path / "capsolver.toml"
    path.write_text(text.replace("A task that is lost stays lost.", "What is lost is lost."), encoding="utf-8")
    assert run(str(path), "--markdown").output != run("capsolver", "--markdown").output


@pytest.mark.parametrize("words", [["--kinds", "--coverage"], ["--markdown", "--json"], ["--markdown", "--coverage"]])
def test_what_excludes_each_other_is_told(words: list[str]) -> None:
    assert run(*words).exit_code == 2


def test_a_passage_is_found_by_the_numbers_of_its_lines() -> None:
    passage: Passage = CAPSOLVER.passages[2]
    assert list(passage.citation.span) == [8]
    assert list(Citation(CAPSOLVER.sources["pt"], "8-10", "").span) == [8, 9, 10]
    assert list(Citation(CAPSOLVER.sources["create"], "", "notes").span) == []
