"""Files as other people send them: read within bounds, named so that every system takes them.

In: nothing of this package but its errors. Out: checked arrays, safe names.
"""
