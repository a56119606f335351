"""How new a release may be."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from kernel_iso.errors import SpecError
from kernel_iso.model import Plan
from kernel_iso.planning.rules import Case, decided

_AGE = re.compile(r"(\d{1,5})\s*(hour|day|week)s?")
# ISO 8601 durations that uv understands too; not months and years, whose length varies.
_DURATION = re.compile(r"P(?=.)(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(\d{1,5})H)?")
_LONGEST = timedelta(days=36_500)


def exclude_newer(plan: Plan, case: Case) -> Plan:
    """Use the stricter of the policy's and the notebook's cool-down: a notebook cannot loosen the policy's.

    An age stays an age ("3 days"), so that a lock that answers the plan today answers it tomorrow. Raises
    `SpecError` (`bad-exclude-newer`).
    """
    asked = normalised(case.spec.exclude_newer, "the notebook")
    where = f"the policy ({case.policy.source_of('exclude_newer')})"
    ruled = normalised(case.policy.exclude_newer, where)
    if not asked and not ruled:
        return decided(plan, "exclude-newer")
    if asked and (not ruled or limit(asked, case.now) < limit(ruled, case.now)):
        chosen, text = asked, f"no release newer than {asked} is used, as the notebook asks"
        text += f"; {where} would take {ruled}" if ruled else ""
    else:
        chosen, text = ruled, f"no release newer than {ruled} is used: {where}"
        if asked not in ("", ruled):
            text += f"; the notebook asks for {asked}, which is not stricter"
    return decided(plan, "exclude-newer", text, exclude_newer=chosen)


def normalised(text: str, where: str) -> str:
    """A date (2026-06-01), an RFC 3339 time with a zone, or an age in hours, days or weeks, in one spelling.

    >>> [normalised(text, "") for text in ("3days", "1 weeks", "P3D", "PT36H", " 2026-06-01")]
    ['3 days', '1 week', '3 days', '36 hours', '2026-06-01']
    """
    text = text.strip()
    if found := _DURATION.fullmatch(text):
        weeks, days, hours = (int(number or 0) for number in found.groups())
        hours += (weeks * 7 + days) * 24
        text = f"{hours} hours" if hours % 24 else f"{hours // 24} days"
    if (found := _AGE.fullmatch(text)) and _length(text) <= _LONGEST:
        number = int(found[1])
        return f"{number} {found[2]}" if number == 1 else f"{number} {found[2]}s"
    if text and _moment(text) is None:
        raise SpecError(
            "bad-exclude-newer",
            f"cannot read exclude-newer = `{text}`",
            f"what {where} says is no date, no time with a zone, and no age in hours, days or weeks",
            "write 2026-06-01, 2026-06-01T12:00:00Z, or an age such as 3 days, 12 hours or 2 weeks",
        )
    return text


def limit(text: str, now: datetime) -> datetime:
    """The moment after which releases are left out, for a normalised text; a date means the end of its day.

    >>> limit("3 days", datetime(2026, 6, 4, tzinfo=UTC)).isoformat()
    '2026-06-01T00:00:00+00:00'
    """
    moment = _moment(text)
    return now - _length(text) if moment is None else moment


def _length(age: str) -> timedelta:
    found = _AGE.fullmatch(age)
    assert found is not None, "normalised() lets nothing else through"
    return timedelta(**{f"{found[2]}s": int(found[1])})


def _moment(text: str) -> datetime | None:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        # RFC 3339 section 5.6: date, "T", time, and an offset that is never left out.
        if re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text):
            return datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return None
