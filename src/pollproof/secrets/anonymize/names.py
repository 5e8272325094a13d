"""Names of fields: those of the contract stay, and those that are put together from ordinary words of APIs."""

from __future__ import annotations

import re

_WORDS = """
a access account action active actual add additional address after agent alias all amount answer any api app
    application args array as at attempt attempts attribute attributes audio auth author available average back balance
    base batch before begin billing body bool boolean bytes cache callback cancel cancelled captcha category change
    changed channel charge chars charset check checksum city class client cluster code codes color comment comments
    complete completed completion condition config connection content context cookie cookies coordinates cost count
    country create created creation credit credits currency current custom data date day days debug default delay
    delete deleted description destination detail details device dict direction disabled document documents domain done
    double duration echo email empty enabled encoding end ended engine entity entries entry enum environment error
    errors estimate estimated event events exception exists expiration expire expired expires expiry export extra
    failed failure fallback fault feature features field fields file filename files filter final finish finished first
    flag flags float folder font for force format found from full function gateway geo group groups guid has hash
    header headers height help hidden hint history host hour hours html http https id identifier ids image images in
    index info information initial inline input instance instances int integer interval invalid ip is item items job
    jobs json key keys kind label labels language last latency latitude left length level lifetime limit limits line
    lines link links list live loading locale location locked log login long longitude map mark mask match max maximum
    media member members memory message messages meta metadata method metric metrics mime min minimum minute minutes
    mode model module monitor month more ms name names namespace new next no node note notes notification null number
    numbers object objects of off offset ok old on one open operation operations operator option options or order
    organization origin original other out output owner package page pages parameter parameters params parent parse
    parsed part parts pass passed password path pattern pause payload pending percent percentage period permission
    phase phone plan platform point points poll polls pool port position post prefix previous price priority private
    process processed processing product profile progress project properties property protocol provider proxy public
    quality query queries queue queued quota random range rank rate ratio raw read ready reason received record records
    redirect reference region release remaining remote remove repeat reply report request requested requests required
    reset resource resources response responses result results retries retry return role root row rows rule rules run
    running sample scale scheme scope score screen script search second seconds section secret seed selector send
    sender sent sequence series server service session sessions set setting settings shape short signature site size
    sleep soft solution solve solved solving sort source sources speed stage start started state states statistics
    status statuses step steps stop storage store string style sub subject submitted success successful suffix sum
    summary support supported system table tag tags target task tasks template tenant test text thread threads time
    timeout timestamp times title to token tokens total trace transaction transfer try ttl type types uid unique unit
    units unknown update updated upload uri url urls usage use used user username users utc uuid valid validation value
    values variant vendor verified version video view visible wait waiting warning warnings web website week when width
    window with word words worker workspace write x xml y year zip zone
    """

ORDINARY = frozenset(_WORDS.split())
"""Words of which names of fields in APIs are made; none says anything about anybody."""

_NAME = re.compile(r"[A-Za-z_$@][A-Za-z0-9_.$@-]{0,63}")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PREFIXES = frozenset({"soap", "soapenv", "env", "enc", "ns", "xs", "xsd", "xsi", "tns", "wsdl", "wsse", "wsa", "wsu"})


def split_name(name: str) -> list[str]:
    """The words of a name in camelCase, snake_case or kebab-case, in lower case."""
    return [part.lower() for part in _PART.findall(name)]


def is_ordinary(name: str, words: frozenset[str]) -> bool:
    """Whether a name is made of ordinary words, or of `words`, and of numbers of two digits; or is hardly a word."""
    if len(name) <= 2 and name.isascii() and name.isalnum():
        return True
    if _NAME.fullmatch(name) is None:
        return False
    return all(
        part in ORDINARY or part in words or part in _PREFIXES or (part.isdigit() and len(part) <= 2)
        for part in split_name(name)
    )
