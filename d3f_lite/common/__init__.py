"""What serves all rooms: files of bounded size, the shipped assets, names, the terminal, threads and devices.

In: nothing of this package but its errors. Out: small tools with one purpose each.
"""
