"""The addresses at which `verify` takes callbacks: each is called as it was given, query and all."""

import contextlib
from urllib.error import HTTPError
from urllib.request import urlopen

from pollproof.clock import VirtualClock
from pollproof.verify.callbacks import HttpCallbacks


def status_of(address: str) -> int:
    try:
        with urlopen(address, data=b"{}") as response:
            return int(response.status)
    except HTTPError as error:
        error.close()
        return error.code


def test_a_callback_without_the_query_of_its_address_finds_nobody() -> None:
    with contextlib.closing(HttpCallbacks(VirtualClock())) as receiver:
        address = receiver.address_with("task=7&x=1%2F2")
        statuses = [status_of(each) for each in (address, address.partition("?")[0], receiver.address)]
    assert statuses == [200, 404, 200]
