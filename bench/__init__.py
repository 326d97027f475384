"""The figures, on this machine: `python -m bench`, or `python -m bench --quick`. Nothing is asserted."""
