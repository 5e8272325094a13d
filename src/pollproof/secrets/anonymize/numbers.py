"""Numbers: pseudonyms with as many digits, that round to doubles as the originals do.

Languages without 64-bit integers lose the last digits of long ids. A client that polls with an id rounded in this way
breaks a rule, and the recording must go on showing it: numbers that are one double stay one double.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

EXACT = 2**53
"""Integers from here on are not all doubles."""

_MAXIMUM_DIGITS = 40
"""Digits beyond which nobody rounds ids."""

_MAXIMUM_CONVERTED = 600
"""Digits that Python makes a number of under any limit that it may be given."""

MAXIMUM_TRIED = 10_000
"""Distances from a double that are tried one by one."""

Draw = Callable[[str, str, int], int]
"""Draws a number for a kind, a text and an attempt."""


class Numbers:
    """Pseudonyms of integers. `reserved` are texts that stay as they are, numbers among them."""

    def __init__(self, draw: Draw, reserved: frozenset[str]) -> None:
        self._draw = draw
        self._known: dict[int, int] = {}
        self._taken: dict[int, int] = {}
        self._centres: dict[int, int] = {}
        for text in reserved:
            if text.isascii() and text.isdecimal() and text[0] != "0" and len(text) <= _MAXIMUM_DIGITS:
                number = int(text)
                self._known[number] = self._taken[number] = number
                if number >= EXACT:  # what it is rounded to stays beside it
                    self._centres[_rounded(number)] = _rounded(number)

    @property
    def given(self) -> frozenset[str]:
        """All pseudonyms, in digits."""
        return frozenset(str(number) for number in self._taken)

    def integer(self, number: int, most: int | None = None) -> int:
        """The pseudonym of an integer: its sign, as many digits, as even or odd, and no other's.

        Once `most` integers have one, that of a further one is kept nowhere, and may be another's.
        """
        if number < 0:
            return -self.integer(-number, most)
        known = self._known.get(number)
        if known is None:
            if most is not None and len(self._known) >= most:
                low = int(10 ** (len(str(number)) - 1))
                return low + self._draw("loose", str(number), 0) % (9 * low)
            known = self._known[number] = self._new(number)
        return known

    def digits(self, text: str) -> str:
        """The pseudonym of a string of digits: zeros before it stay; a very long one is replaced in parts."""
        if len(text) > _MAXIMUM_CONVERTED:
            starts = range(0, len(text), _MAXIMUM_CONVERTED)
            return "".join(self.digits(text[at : at + _MAXIMUM_CONVERTED]) for at in starts)
        bare = text.lstrip("0")
        return "0" * (len(text) - len(bare)) + (str(self.integer(int(bare))) if bare else "")

    def _new(self, number: int) -> int:
        length = len(str(number))
        if number >= EXACT and length <= _MAXIMUM_DIGITS:
            return self._rounding(number)
        low, high = int(10 ** (length - 1)), int(10**length)
        if low < EXACT < high:  # sixteen digits, on this side of the border
            high = EXACT
        for attempt in range(200):
            found = low + self._draw("number", str(number), attempt) % (high - low)
            found += (number - found) % 2 * (1 if found + 1 < high else -1)
            if found not in self._taken and found != number:
                break
        else:  # hardly any are left of that length: the next free one, whatever its length
            found = low
            while found in self._taken:
                found += 1
        self._taken[found] = number
        return found

    def _rounding(self, number: int) -> int:
        """A pseudonym beside that of the double to which the number is rounded."""
        centre = _rounded(number)
        spacing = int(2 ** max(centre.bit_length() - 53, 0))
        found = self._centre(centre, spacing)
        if number == centre:
            self._taken[found] = number
            return found
        # Ties round to the even one, so only even doubles have whole numbers at half the distance.
        reach = spacing // 2 if found // spacing % 2 == 0 else (spacing - 1) // 2
        for offset in self._offsets(number, reach):
            if found + offset not in self._taken and float(found + offset) == found:
                self._taken[found + offset] = number
                return found + offset
        return found  # more numbers than round to one double: there are none, unless some of them stay as they are

    def _offsets(self, number: int, reach: int) -> Iterator[int]:
        """Distances from a double, drawn first and then in turn; those that keep a number even or odd before others."""
        for attempt in range(50):
            offset = self._draw("offset", str(number), attempt) % (2 * reach + 1) - reach
            offset += (offset - number) % 2 * (1 if offset < 0 else -1)
            if offset:
                yield offset
        for keeping in (True, False):
            for offset in range(-min(reach, MAXIMUM_TRIED), min(reach, MAXIMUM_TRIED) + 1):
                if offset and keeping is ((offset - number) % 2 == 0):
                    yield offset

    def _centre(self, centre: int, spacing: int) -> int:
        """The pseudonym of a double: of the same number of digits, as far from its neighbours, as even."""
        known = self._centres.get(centre)
        if known is not None:
            return known
        length = len(str(centre))
        low = max(10 ** (length - 1), 2 ** (centre.bit_length() - 1)) // spacing + 2
        high = min(10**length, 2 ** centre.bit_length()) // spacing - 2
        used = set(self._centres.values())
        found = centre
        for attempt in range(200):
            step = low + self._draw("double", str(centre), attempt) % max(high - low, 1)
            step += (centre // spacing - step) % 2
            found = step * spacing
            if found not in used and found != centre:
                break
        self._centres[centre] = found
        return found


def _rounded(number: int) -> int:
    """The double that a number is rounded to, as an integer."""
    return int(float(number))
