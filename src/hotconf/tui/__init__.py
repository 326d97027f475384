"""The terminal app.

Rule 1: what is shown is decided by pure functions (`view` and the modules that it is made of): events in, rows out.
Rule 2: widgets and screens render such values and say what the person wants; none of them does I/O.
Rule 3: all that touches the watcher, files or processes is in `session`, `command` and `editor`.
Rule 4: text from files is text: every `Span` is printable, and nothing is ever parsed as markup.
"""
