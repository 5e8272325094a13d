"""A failure that several connections took part in is shown in columns, one a connection."""

from __future__ import annotations

from typing import Any

from pollproof.report.timeline import lines


def shown(number: int, sent: float, received: float, connection: int = 1) -> dict[str, Any]:
    own = {} if connection == 1 else {"connection": connection}
    request = {"method": "POST", "path": "/poll", "body": {"taskId": "a"}}
    response = {"status": 200, "body": {"status": "ready"}}
    return {
        "number": number, **own, "operation": "poll", "probe": None, "sent": sent, "received": received,
        "request": request, "response": response, "failure": None,
    }  # fmt: skip


def test_each_connection_has_a_column_and_each_answer_its_time() -> None:
    written = lines([shown(0, 0.0, 0.5), shown(1, 1.0, 1.5, 2), shown(2, 1.1, 1.4, 3)])
    assert written[0].startswith("    0.000 s   1 . .  poll ")
    assert written[2].startswith("    1.000 s   . 2 .  poll ")
    assert written[4].startswith("    1.100 s   . . 3  poll ")
    assert "at 1.400 s -> " in written[5]


def test_one_connection_needs_no_column() -> None:
    written = lines([shown(0, 0.0, 0.5), shown(1, 1.0, 1.5)])
    assert written[0].startswith("    0.000 s  poll ")
    assert " at " not in written[1]
