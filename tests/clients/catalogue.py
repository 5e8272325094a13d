"""Every client program of this folder: how it is started, which rule its fault breaks, and the clause that says so.

A client is told POLLPROOF_BASE_URL, POLLPROOF_API_KEY and POLLPROOF_TASK. A lawful one is acquitted in every scenario;
one with a fault is convicted by its clause, in a scenario that gives the fault an occasion. Where a fault cannot be had
without breaking other rules too, `also` names them. A fault without a clause breaks a rule that no clause holds yet.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
WSDL = HERE.parent.parent / "schemas" / "cnode" / "cnode.wsdl"
LANGUAGES = {"python": ([sys.executable], "py"), "node": (["node"], "mjs"), "shell": (["bash"], "sh")}


@dataclass(frozen=True, slots=True)
class Fault:
    """One departure: the rule that it breaks, and the clause of that rule without the provider's name."""

    name: str
    rule: str
    clause: str | None = None
    also: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """Providers, languages or pairs of both that have this fault; all where there are none."""
    options: tuple[str, ...] = ()
    lawful: bool = False
    """Whether it only looks like a fault."""
    unsolved: bool = False
    """Whether an ordinary task is not solved with it, so that the client cannot be judged (status 4)."""

    @property
    def occasions(self) -> tuple[str, ...]:
        """Scenarios in which it shows (each provider has some of them)."""
        return OCCASIONS.get(self.name, ("smoke",))


@dataclass(frozen=True, slots=True)
class Client:
    """One program with at most one fault."""

    name: str
    provider: str
    language: str
    command: tuple[str, ...]
    fault: Fault | None = None

    @property
    def clause(self) -> str | None:
        """The clause that convicts it."""
        return None if self.fault is None or self.fault.clause is None else f"{self.provider}.{self.fault.clause}"

    @property
    def is_lawful(self) -> bool:
        """Whether it keeps every rule."""
        return self.fault is None or self.fault.lawful

    @property
    def also(self) -> frozenset[str]:
        """Clauses that may convict it besides."""
        return frozenset() if self.fault is None else frozenset(f"{self.provider}.{one}" for one in self.fault.also)


OCCASIONS = {
    "half-wait": ("ready-after-one-poll",),
    "milliseconds": ("never-ready",),
    "seconds": ("never-ready",),
    "hot": ("never-ready",),
    "hot-on-unknown": ("unknown-status", "unknown-status-for-ever"),
    "hot-on-error": (
        "error-error-rate-limit-200",
        "error-error-too-much-requests-400",
        "html-503-for-ever",
        "rate-limited-for-ever",
        "creation-html-503-for-ever",
    ),
    "endless-5xx": ("html-503-for-ever", "creation-html-503-for-ever"),
    "endless-reset": ("reset-for-ever", "creation-reset-for-ever", "creation-no-answer-for-ever"),
    "endless-broken": ("malformed-for-ever", "empty-for-ever", "creation-malformed-for-ever"),
    "no-time-limit": ("no-answer", "no-answer-for-ever", "creation-no-answer"),
    "polls-after-final": ("ready-at-once",),
    "over-budget": ("never-ready",),
    "over-lifetime": ("never-ready",),
    "id-rounded": ("id-2-to-the-53", "id-2-to-the-63"),
    "id-from-answer": ("id-not-echoed",),
    "polls-inline": ("result-in-the-creation",),
    "polls-on-after-error": ("lost", "error-error-bad-request-400", "error-error-captcha-unsolvable-200"),
    "polls-on-after-fault": ("lost", "error-err-task-does-not-exist-200", "gone-errors-as-faults"),
    "polls-on-after-faulted": ("task-failed", "status-faulted"),
    "failure-as-pending": ("task-failed", "status-finished-err-timeout"),
    "pending-as-final": ("error-captcha-not-ready-200",),
    "loses-http-errors": ("error-captcha-not-ready-400", "task-failed"),
    "loses-faults": ("fault-500", "lost"),
    "unknown-as-success": ("unknown-status", "status-series-finished"),
    "idle-as-success": ("status-idle-in-the-creation",),
    "ready-without-solution": ("ready-without-a-solution", "ready-with-a-null-solution"),
    "done-without-results": ("ready-without-a-solution", "ready-with-an-empty-list"),
    "failure-as-success": ("task-failed", "lost", "creation-refused-error-zero-balance-200", "creation-refused-401"),
    "faulted-as-done": ("task-failed", "status-faulted"),
    "ignores-faulted": ("task-failed",),
    "giving-up-as-success": ("never-ready",),
    "strict-fields": ("variant-extra-fields",),
    "hasty-batches": ("batch", "batch-2"),
    "urls-and-queries": ("batch", "batch-2"),
    "empty-as-failure": ("ready-after-one-poll",),
    "empty-as-success": ("ready-after-one-poll",),
    "matches-text": ("variant-another-prefix", "variant-older-form"),
    "substring": ("task-failed", "status-finished-err-timeout"),
    "error-as-success": ("task-failed", "status-finished-err-timeout"),
}
"""The scenarios that give a fault an occasion, by its name; an ordinary task is enough for the others."""

REPORTED = "A failure is reported as a failure: the client does not end as if all were well."
UNLAWFUL_WAIT = "After a response that is not final a client waits before it polls again"
BOUNDED = "Requests that come to nothing are repeated a few times, not without end"

CAPTCHA = [
    Fault("half-wait", f"{UNLAWFUL_WAIT}: half the seconds are too few.", "client.wait"),
    Fault(
        "milliseconds",
        f"{UNLAWFUL_WAIT}: seconds were written where milliseconds were meant.",
        "client.wait",
        only=("python", "shell"),
        also=("client.solution",),
    ),
    Fault(
        "seconds",
        f"{UNLAWFUL_WAIT}: the seconds were handed to a timer that counts milliseconds.",
        "client.wait",
        only=("node",),
        also=("client.solution",),
    ),
    Fault("hot-on-unknown", f"{UNLAWFUL_WAIT}, also when it does not know the status.", "client.wait"),
    Fault(
        "hot-on-error",
        f"{UNLAWFUL_WAIT}, also when the response was an error that is not final.",
        "client.wait",
        only=("capmonster",),
        also=("client.retries",),
    ),
    Fault(
        "hot-on-error",
        "A client pauses between retries, where no page states for how long too.",
        "client.retries",
        only=("capsolver",),
    ),
    Fault("endless-5xx", f"{BOUNDED}: HTTP 500 and 503.", "client.retries", also=("client.failure",)),
    Fault("endless-reset", f"{BOUNDED}: a connection that was reset.", "client.retries", also=("client.failure",)),
    Fault("polls-after-final", "A client does not poll a task again whose final response it has.", "client.final"),
    Fault("over-budget", "A client polls a task at most 120 times.", "client.budget", also=("client.wait",)),
    Fault("over-lifetime", "A client does not poll a task whose lifetime is over.", "client.lifetime"),
    Fault("another-id", "Every poll carries the id that the creation gave.", "client.same-task-id"),
    Fault(
        "id-retyped",
        "Every poll carries the id as the JSON type that it came in.",
        "client.same-task-id",
        also=("client.poll-request",),
    ),
    Fault(
        "id-rounded",
        "Every poll carries the id digit by digit, also beyond 2^53.",
        "client.same-task-id",
        only=("capmonster",),
    ),
    Fault(
        "id-from-answer",
        "Every poll carries the id that the creation gave, whether or not a response repeats it.",
        "client.same-task-id",
        also=("client.poll-request",),
    ),
    Fault(
        "key-in-header",
        "The key is sent in the body, as clientKey.",
        "client.create-request",
        also=("client.poll-request",),
    ),
    Fault("extra-fields", "Fields that no page names may be sent.", lawful=True),
    Fault("untyped-task", "A task is created with its type.", "client.create-request"),
    Fault("keyless-poll", "A poll carries the key.", "client.poll-request"),
    Fault(
        "polls-inline",
        "A result that came with the creation is not polled for.",
        "client.synchronous",
        only=("capsolver",),
    ),
    Fault("polls-on-after-error", "An error is final, with or without a status: no poll follows it.", "client.final"),
    Fault(
        "pending-as-final",
        "A task that is still in work is polled on, however that is said.",
        "client.solution",
        only=("capmonster",),
    ),
    Fault("idle-as-success", "idle is not a result.", "client.failure", only=("capsolver",)),
    Fault("unknown-as-success", "A status that nobody documented is not a result.", "client.failure"),
    Fault("ready-without-solution", "ready without a solution is no success.", "client.failure"),
    Fault("failure-as-success", REPORTED, "client.failure"),
    Fault("giving-up-as-success", "Giving up is reported as a failure.", "client.failure"),
    Fault("wrong-solution", "The solution that the client gives is the one that was served.", "client.solution"),
    Fault("empty-solution", "The solution that the client gives is not empty where one was served.", "client.solution"),
    Fault(
        "loses-http-errors",
        "The body of a response with HTTP 4xx is read: it tells whether to go on.",
        "client.solution",
        only=("capmonster",),
    ),
    Fault(
        "needs-status",
        "The creation's answer need not have a status.",
        "client.solution",
        only=("capsolver-python",),
        unsolved=True,
    ),
    Fault("strict-fields", "Fields that no page names are let pass.", "client.solution", only=("python",)),
]

ENDLESS = Fault(
    "endless-broken", f"{BOUNDED}: answers that cannot be read.", "client.retries", also=("client.failure",)
)
CAPTCHA += [
    ENDLESS,
    Fault("no-time-limit", "How long to wait for a response is nowhere said.", lawful=True, only=("capsolver-python",)),
]

BATCHES = ("--batch-size", "1")
DECODO = [
    ENDLESS,
    Fault("hot", "A client does not poll in a hot loop.", "client.pace", also=("client.solution",)),
    Fault(
        "milliseconds",
        "A client does not poll in a hot loop: a wrong unit of time.",
        "client.pace",
        only=("python", "shell"),
        also=("client.solution",),
    ),
    Fault(
        "seconds",
        "A client does not poll in a hot loop: a wrong unit of time.",
        "client.pace",
        only=("node",),
        also=("client.solution",),
    ),
    Fault("hot-on-unknown", f"{UNLAWFUL_WAIT}, also when it does not know the status.", "client.pace"),
    Fault("hot-on-error", f"{UNLAWFUL_WAIT}, also when the response was an error.", "client.retries"),
    Fault("endless-5xx", f"{BOUNDED}: HTTP 500 and 503.", "client.retries", also=("client.failure",)),
    Fault("endless-reset", f"{BOUNDED}: a connection that was reset.", "client.retries", also=("client.failure",)),
    Fault("reads-again", "A task may be read again that is done: no page forbids it.", lawful=True),
    Fault("another-id", "Every poll carries the id that queueing gave.", "client.same-task-id"),
    Fault("id-rounded", "Every poll carries the id digit by digit, also beyond 2^53.", "client.same-task-id"),
    Fault("bearer", "The token follows the word Basic.", "client.authorization"),
    Fault("no-token", "Every request carries the token.", "client.authorization"),
    Fault("token-in-address", "The token is sent in a header, never in an address.", "client.authorization"),
    Fault("no-url", "A task is asked for with a url or a query.", "client.task-request"),
    Fault("hasty-batches", "A client sends at most one batch a second.", "client.batch-rate", options=BATCHES),
    Fault("urls-and-queries", "A batch has urls or queries, not both.", "client.batch-request"),
    Fault("empty-as-success", "HTTP 204 says that there are no results yet: it is no result.", "client.failure"),
    Fault(
        "empty-as-failure",
        "HTTP 204 says that there are no results yet: it is no failure.",
        "client.solution",
        also=("client.failure",),
        unsolved=True,
    ),
    Fault(
        "ignores-faulted",
        "A task that is faulted has no results to wait for: the client ends.",
        "client.failure",
        only=("python", "node"),  # thousands of requests would take a shell too long
    ),
    Fault("polls-on-after-faulted", "A client does not poll a faulted task again.", "client.final"),
    Fault("faulted-as-done", REPORTED, "client.failure"),
    Fault("unknown-as-success", "A status that nobody documented is not a result.", "client.failure"),
    Fault("done-without-results", "done without results is no success.", "client.failure"),
    Fault("failure-as-success", REPORTED, "client.failure"),
    Fault("giving-up-as-success", "Giving up is reported as a failure.", "client.failure"),
    Fault("wrong-results", "The results that the client gives are those that were served.", "client.solution"),
    Fault(
        "empty-results", "The results that the client gives are not empty where some were served.", "client.solution"
    ),
    Fault("loses-http-errors", "The body of a response with HTTP 4xx is read: it tells what is wrong."),
]

CNODE = [
    ENDLESS,
    Fault("hot", "A client does not poll in a hot loop.", "client.pace", also=("client.solution",)),
    Fault(
        "milliseconds",
        "A client does not poll in a hot loop: a wrong unit of time.",
        "client.pace",
        only=("python", "shell"),
        also=("client.solution",),
    ),
    Fault(
        "seconds",
        "A client does not poll in a hot loop: a wrong unit of time.",
        "client.pace",
        only=("node",),
        also=("client.solution",),
    ),
    Fault("hot-on-unknown", f"{UNLAWFUL_WAIT}, also when it does not know the status.", "client.pace"),
    Fault("hot-on-error", f"{UNLAWFUL_WAIT}, also when the response was an error.", "client.retries"),
    Fault("endless-5xx", f"{BOUNDED}: HTTP 500 and 503.", "client.retries", also=("client.failure",)),
    Fault("endless-reset", f"{BOUNDED}: a connection that was reset.", "client.retries", also=("client.failure",)),
    Fault("polls-after-final", "A client does not poll a task again whose final status it has.", "client.final"),
    Fault("failure-as-pending", "A client does not poll a task again that has failed.", "client.final"),
    Fault("polls-on-after-fault", "A client does not poll on after a Fault.", "client.final"),
    Fault("another-id", "Every poll carries the id that the operation gave.", "client.same-task-id"),
    Fault("no-task-id", "A poll carries the id of its task.", "client.poll-request", also=("client.same-task-id",)),
    Fault("bad-callback", "callback is a boolean.", "client.poll-request"),
    Fault(
        "qualified-parameters",
        "Parameters stand in elements without a namespace.",
        "client.create-request",
        also=("client.poll-request",),
    ),
    Fault(
        "matches-text",
        "XML is read by names, not as text: prefixes, attributes and order do not matter.",
        "client.solution",
        also=("client.final",),
    ),
    Fault("substring", "Only FINISHED_OK is a success, not every status that has FINISHED in it.", "client.failure"),
    Fault(
        "error-as-success",
        "Only FINISHED_OK is a success, not every status that begins with FINISHED_.",
        "client.failure",
    ),
    Fault("unknown-as-success", "SERIES_FINISHED is not a result.", "client.failure"),
    Fault("failure-as-success", REPORTED, "client.failure"),
    Fault("giving-up-as-success", "Giving up is reported as a failure.", "client.failure"),
    Fault(
        "wrong-result", "The result that the client gives is the one that was served.", "client.solution", unsolved=True
    ),
    Fault(
        "empty-result",
        "The result that the client gives is not empty where one was served.",
        "client.solution",
        unsolved=True,
    ),
    Fault("loses-faults", "A Fault is read: it tells what is wrong, and whether to go on."),
]

ZEEP = [
    Fault(
        "error-as-success",
        "Only FINISHED_OK is a success, not every status that begins with FINISHED_.",
        "client.failure",
    ),
    Fault("polls-on-after-fault", "A client does not poll on after a Fault.", "client.final"),
]


def _of(provider: str, language: str, faults: list[Fault], program: str, *arguments: str) -> list[Client]:
    start, suffix = LANGUAGES[language]
    command = (*start, str(HERE / language / f"{program}.{suffix}"), *arguments)
    title = f"{provider}-{language}" if program in ("captcha", provider) else f"{provider}-{language}-{program}"
    clients = [Client(title, provider, language, command)]
    for fault in faults:
        if not fault.only or {provider, language, f"{provider}-{language}"} & set(fault.only):
            clients.append(
                Client(
                    f"{title}-{fault.name}",
                    provider,
                    language,
                    (*command, *fault.options, "--fault", fault.name),
                    fault,
                )
            )
    return clients


CLIENTS = [
    client
    for language in LANGUAGES
    for clients in (
        _of("capsolver", language, CAPTCHA, "captcha", "capsolver"),
        _of("capmonster", language, CAPTCHA, "captcha", "capmonster"),
        _of("decodo", language, DECODO, "decodo"),
        _of("cnode", language, CNODE, "cnode"),
    )
    for client in clients
] + _of("cnode", "python", ZEEP, "cnode_zeep", str(WSDL))
"""All clients, the lawful ones among them."""

LAWFUL = [client for client in CLIENTS if client.is_lawful]
FAULTY = [client for client in CLIENTS if not client.is_lawful]
