"""Addresses of people: checked, and brought into one form. Pure.

Strict on purpose: an address is accepted only when no mail server or gateway can read it as another one, or as two.
Every function returns the normalised value, or raises ValueError with what to do.
"""

import re

import phonenumbers

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}")  # RFC 5321, dot-string form
_FILL = str.maketrans("", "", " \u00a0\u202f-\u2010\u2011\u2012\u2013\u2014()[]")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164: at most 15 digits, none of them a leading 0


def email(text: str) -> str:
    """One plain ASCII address; a name outside ASCII is written in its xn-- form, so that every server takes it."""
    match = _EMAIL.fullmatch(text)
    if match is None or len(match["local"]) > 64 or len(text) > 254:
        raise ValueError("is not one plain email address: write it as name@example.org, without a name or a comma")
    return text


def phone(text: str) -> str:
    """'+7 (912) 099-55-13' -> '+79120995513'. Its country exists, and has numbers of this length."""
    number = text.translate(_FILL)
    if _PHONE.fullmatch(number) is None:
        raise ValueError("is not a phone number: write it as +12025550123, with the country's code, without extensions")
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        raise ValueError("begins with no country's code: write it as +12025550123") from None
    if phonenumbers.is_possible_number_with_reason(parsed) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValueError("is too short or too long for its country: write it whole, as in +12025550123")
    # '+44 (0)20 …' is written often: the 0 is not dialled from abroad.
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
