"""`pollproof check`: judge recorded traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pollproof.cli.baselines import Baselines
from pollproof.cli.common import console_for, contract_or_exit
from pollproof.cli.options import GroupedCommand, run_options, verbosity
from pollproof.cli.progress import progress_line
from pollproof.cli.reporting import Reports, notify_all
from pollproof.cli.sharing import picked, shares_of
from pollproof.runs.expressions import ExpressionError, matching
from pollproof.runs.options import CHECK

if TYPE_CHECKING:
    from pollproof.contract.model import Contract
    from pollproof.recordings.files import Recording
    from pollproof.runs.outcome import Document

_EPILOG = (
    "Exit status: 0 every exercised MUST held; 1 a violation; 2 usage, or a recording that cannot be read; "
    "3 inconclusive (nothing exercised, --require or --require-all and a clause unexercised, or interrupted); "
    "4 the suite itself failed."
)


@click.command(cls=GroupedCommand, epilog=_EPILOG)
@click.argument("provider", metavar="PROVIDER|CONTRACT.toml")
@click.argument("files", nargs=-1, required=True, metavar="FILE|FOLDER|PATTERN|URL...")
@run_options(CHECK)
def check_command(provider: str, files: tuple[str, ...], **options: Any) -> None:
    """Judge recordings: cassettes of vcrpy (YAML, JSON) and HAR files, plain or gzip, provider and client alike.

    It needs no network, and nothing in a recording is executed or fetched.
    """
    from pollproof.check.judging import CheckSpec, begin_checking
    from pollproof.recordings.errors import RecordingError
    from pollproof.recordings.files import find_recordings, located, shown
    from pollproof.report.document import build_document
    from pollproof.report.merging import as_shard, with_parts
    from pollproof.report.terminal import print_baseline, print_document, print_summary
    from pollproof.runs.outcome import decided
    from pollproof.runs.spec import Policy

    contract = contract_or_exit(provider)
    _known(contract, options["required"])
    _address(options["base_url"])
    chosen = _chosen(contract, options["keyword"], options["subject"])
    shard = shares_of(options)[1]
    if shard is not None and options["together"]:
        raise click.UsageError("--shard shares out files, and --together makes one trace of them")
    reports, baselines = Reports.requested(options), Baselines(options)
    try:
        found = find_recordings(files)
    except RecordingError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None
    paths = found if shard is None else picked(shard, found, "file")
    console = baselines.stream(console_for(reports.stream))
    policy = Policy(options["strict"], options["require_all"], tuple(options["required"]), tuple(options["allowed"]))
    checking = begin_checking(
        CheckSpec(
            contract,
            tuple(shown(located(name)) for name in files),
            options["base_url"],
            options["together"],
            options["whole"],
            tuple(options["keys"]),
            provider=provider,
            policy=policy if shard is None else Policy(options["strict"]),
            selected=chosen,
        )
    )

    def so_far() -> Document:
        return build_document(checking)

    unfinished = reports.unfinished(so_far)
    with progress_line("reading", "exchanges", quiet=options["quiet"]) as progress:
        _judge(
            contract,
            paths,
            options["dask"],
            named=frozenset(located(name) for name in files),
            progress=notify_all(progress, lambda *_: unfinished.refresh()),
            result=checking,
        )
    document = so_far()
    if shard is not None:
        document = with_parts(document, lambda violation: str(violation["trace"][0]["place"]).rpartition(", entry ")[0])
        wishes = {name: options[name] for name in ("base_url", "whole", "strict", "require_all", "keyword")}
        wishes |= {"contracts": [provider], "required": list(options["required"]), "allowed": list(options["allowed"])}
        document = as_shard(document, shard.number, shard.of, [shown(path) for path in found], wishes)
    (document,) = marked = baselines.marked([document], decided)
    document = baselines.concluded(document, marked, partial=chosen is not None)
    if document["exchanges"]:
        print_document(console, document, strict=options["strict"], verbosity=verbosity(options))
        print_baseline(console, document)
        print_summary(console, document, verbosity=verbosity(options))
    reports.write(document)
    reports.annotate(document)
    baselines.write([document])
    raise SystemExit(_status(document, paths))


def _judge(contract: Contract, paths: Sequence[Recording], dask: str | None, **options: Any) -> None:
    """Judge in this process or on a cluster; one sentence where there is none."""
    from pollproof.check.judging import check as judge

    if dask is None:
        judge(contract, paths, **options)
        return
    if dask.isdigit() and not 1 <= int(dask) <= 1000:
        raise click.UsageError(
            f"--dask {dask}: expected the address of a scheduler, or a number of processes from 1 on"
        )
    from pollproof.check.cluster import ClusterError, NoDask, check_on, connected

    try:
        with connected(dask) as client:
            check_on(client, contract, paths, **options)
    except NoDask as error:
        raise click.UsageError(str(error)) from None
    except ClusterError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(4) from None


def _known(contract: Contract, required: Sequence[str]) -> None:
    for identifier in required:
        try:
            contract.clause(identifier)
        except LookupError:
            from pollproof.report.explain import unknown_clause

            raise click.UsageError(f"--require: {unknown_clause(identifier, [contract])}") from None


def _address(url: str | None) -> None:
    from pollproof.http.addresses import TargetError, split_url

    try:
        if url is not None:
            split_url(url, "base URL", query=False)
    except TargetError as error:
        raise click.UsageError(str(error)) from None


def _chosen(contract: Contract, keyword: str | None, subject: str | None) -> frozenset[str] | None:
    """The ids of the clauses that -k and --subject mean; None for all."""
    if keyword is None and subject is None:
        return None
    own = [clause.id for clause in contract.clauses if subject in (None, clause.subject.value)]
    try:
        found = frozenset(own if keyword is None else matching(own, keyword))
    except ExpressionError as error:
        raise click.UsageError(f"-k {error}") from None
    if not found:
        raise click.UsageError(f"no clause matches -k '{keyword}'" if keyword else f"no clause is about the {subject}")
    return found


def _status(document: Document, paths: Sequence[Recording]) -> int:
    """The exit status; what people must know first is written to standard error."""
    from pollproof.runs.outcome import outcome_of

    recordings = document["recordings"]
    for problem in recordings["unread"]:
        click.echo(f"error: {problem}", err=True)
    outcome = outcome_of(document)
    if recordings["unread"]:
        return 1 if outcome.value == "violated" else 2
    if not document["exchanges"] and document["complete"]:
        lost = bool(recordings["not_recorded"])  # it is the right traffic, and too little of it was recorded
        click.echo(f"{'inconclusive' if lost else 'error'}: {_nothing(document)}", err=True)
        return 3 if lost else 2
    return outcome.status


def _nothing(document: Document) -> str:
    """Why nothing was judged, in one sentence."""
    recordings = document["recordings"]
    if recordings["ignored"] and not recordings["files"]:
        return f"no recordings: {', '.join(recordings['ignored'][:5])}"
    where = f"{document['target']}: none of its {recordings['entries']} entries belongs to {document['provider']}"
    hosts = list(recordings["other_hosts"])[:3]
    if hosts:
        return f"{where}; they went to {', '.join(hosts)} (--base-url names the API to judge)"
    reasons = list(recordings["not_recorded"])[:3]
    if reasons:
        return f"{where}: {', '.join(reasons)}"
    paths = list(recordings["other_paths"])[:3]
    if paths:
        return f"{where}; seen were {', '.join(paths)}"
    return f"{document['target']}: it holds no entry"
