"""The workshop: what made the shipped assets (``bake``), and what measures them (``study``). It is not installed."""
