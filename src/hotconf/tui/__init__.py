"""The terminal app.

Rule 1: what is shown is decided by pure functions (the package `view`): events in, rows out.
Rule 2: widgets and screens render such values and say what the person wants; none of them does I/O.
Rule 3: all that touches the watcher, files or processes is in `session`, `operations` and `editing`.
Rule 4: text from files is text: every `Span` is printable, and nothing is ever parsed as markup.
"""
