from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.web.lockout_rules import OF_SOURCE, OF_USER
from shared.web.roles import Role

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 0), (4, 0), (5, 1), (6, 2), (7, 4), (10, 32), (11, 60), (10**9, 60)]
)
def test_a_user_name_is_locked_out_after_five_failures_for_longer_and_longer(failures: int, minutes: int) -> None:
    until = OF_USER.locked_until(failures, NOW)

    assert (until or NOW) - NOW == timedelta(minutes=minutes)


def test_an_address_behind_which_a_practice_sits_may_fail_more_often_and_is_free_sooner() -> None:
    assert OF_SOURCE.locked_until(29, NOW) is None
    assert OF_SOURCE.locked_until(30, NOW) == NOW + timedelta(minutes=1)
    assert OF_SOURCE.locked_until(99, NOW) == NOW + timedelta(minutes=15)


def test_each_role_may_do_what_the_one_before_it_may() -> None:
    allowed = {(one, other) for one in Role for other in Role if one.includes(other)}

    assert allowed == {
        *((Role.ADMIN, other) for other in Role),
        (Role.CLERK, Role.CLERK),
        (Role.CLERK, Role.VIEWER),
        (Role.VIEWER, Role.VIEWER),
    }
