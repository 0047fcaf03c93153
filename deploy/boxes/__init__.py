"""Routine contact with boxes, from the operator's computer: what they say, what they are brought.

Two accounts of each box are used, and each can do one thing: `doorcheck-status` prints what
the box says of itself, `doorcheck-push` writes into the box's inbox. Neither opens a shell.
`line.py` speaks OpenSSH, `parcel.py` rsync; `said.py` and `verdict.py` decide, without either;
`stages.py` is a roll-out's state. The action plugins of `deploy/plugins/` are made of these.
"""
