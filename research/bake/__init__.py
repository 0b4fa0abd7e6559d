"""What made the shipped assets; nothing at run time imports it (``pip install d3f-lite[bake]``)."""
