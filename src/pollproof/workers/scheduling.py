"""How pytest-xdist shares the compliance suite out: what is about one provider goes to one worker.

So each is explored once. xdist's own `loadgroup` would do, but has no effect with pytest 9.2.
"""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling

_PROVIDER = re.compile(r"\[([^\].]+)")


class ProviderScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Scheduling by what stands first in the brackets of an item: a provider's name, or that of its clause's."""

    def _split_scope(self, nodeid: str) -> str:
        found = _PROVIDER.search(nodeid)
        return nodeid if found is None else found[1]
