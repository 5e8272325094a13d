"""Recordings on web servers: read as they were named, without a redirection."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import IO, Any

from pollproof.recordings.errors import describe_error
from pollproof.recordings.hosts import without_keys


class _Refusing(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: what is read is what was named."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        where = without_keys(newurl)
        fp.close()
        raise OSError(0, f"it redirects to {where:.200}, which is read where it is named itself")


def open_web(url: str, patience: float) -> IO[bytes]:
    """The response of a web server, with a bound on each wait in seconds; raises `OSError`."""
    opener = urllib.request.build_opener(_Refusing)
    request = urllib.request.Request(url, headers={"Accept": "*/*", "User-Agent": "pollproof"})
    try:
        found: IO[bytes] = opener.open(request, timeout=patience)
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(0, f"HTTP {error.code}") from None
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, TimeoutError):
            raise OSError(0, f"no response within {patience} s") from None
        raise OSError(0, describe_error(reason if isinstance(reason, Exception) else error)) from None
    except TimeoutError:
        raise OSError(0, f"no response within {patience} s") from None
    return found
