"""The operator's TUF repository: made once, published from each day, never turned back.

A publication is made in this order, and whichever step fails leaves doors what they had:

1. the folder is locked, read, and checked to be no older copy than what doors may know;
2. the keys are opened; when they are too few for a role, it ends here;
3. files go to public/targets under their hashes;
4. targets, snapshot and timestamp are signed in memory, and python-tuf's own client, with
   the pinned root and the given time, reads all of it as a door will;
5. the version numbers are used up in versions.toml;
6. targets, snapshot, and at last timestamp.json are written: the last is the switch;
7. what neither this publication nor the one before it needs is removed: a door that is in
   the middle of reading the one before can finish.

The same keys, numbers, time and files give the same bytes (keys on tokens apart). Metadata
holds file names, hashes, numbers, dates and public keys: no name of a person or a computer.
"""

from __future__ import annotations

from doorcheck.operator.repository.desk import DENY_KEY, FOR_DEVICES, KEYS, PIN, PUBLIC
from doorcheck.operator.repository.errors import RepositoryError
from doorcheck.operator.repository.founding import Founded, Layout, init
from doorcheck.operator.repository.keychange import GROUPS, Change
from doorcheck.operator.repository.publiccheck import Checked
from doorcheck.operator.repository.publishing import (
    Published,
    publish,
    publishing_keys,
    refresh,
    refreshing_keys,
    root_keys,
    take_over_numbers,
    token_keys,
    verify,
)
from doorcheck.operator.repository.report import KeyStatus, RoleStatus, Status, key_custody, status
from doorcheck.operator.repository.rotation import Rotated, new_key_names, renew_root, rotate
from doorcheck.operator.repository.settings import EXPIRY_DAYS, Versions
from doorcheck.operator.repository.timing import tell_time, timing_keys

__all__ = [
    "DENY_KEY",
    "EXPIRY_DAYS",
    "FOR_DEVICES",
    "GROUPS",
    "KEYS",
    "PIN",
    "PUBLIC",
    "Change",
    "Checked",
    "Founded",
    "KeyStatus",
    "Layout",
    "Published",
    "RepositoryError",
    "RoleStatus",
    "Rotated",
    "Status",
    "Versions",
    "init",
    "key_custody",
    "new_key_names",
    "publish",
    "publishing_keys",
    "refresh",
    "refreshing_keys",
    "renew_root",
    "root_keys",
    "rotate",
    "status",
    "take_over_numbers",
    "tell_time",
    "timing_keys",
    "token_keys",
    "verify",
]
