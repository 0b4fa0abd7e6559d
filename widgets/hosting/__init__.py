"""What a page of the explorer for a class needs of its server; ``voila.json`` is Voilà's configuration. See docs/hosting.md."""
