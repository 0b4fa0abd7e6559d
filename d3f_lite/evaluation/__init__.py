"""Notebooks 06, 08 and 09: how good is it? True heads, the methods to compare, and how sure they should be (section 4).

In: HeadModel and Settings. Out: records, tables and figures. (Studies that no notebook runs stand in ``research``.)
"""
