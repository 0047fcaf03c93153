"""How a fleet is: a table for the terminal and one page for the browser, from what the boxes said.

`deploy/fleet status` asks every box and hands the answers over, one JSON object a line
(`contact.py` is the format); `history.py` keeps them, thinned out; `standing.py` says what
is wrong with a box and what to do; `table.py` and `page.py` show it. What boxes say is
not trusted: it is read by a closed schema, bounded, and never reaches a terminal or a page raw.
"""
