"""What a page for strangers needs of its server: no more visitors at once than the machine can bear."""

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Integer


class BoundedKernels(AsyncMappingKernelManager):
    """Voilà's kernels, one for each visitor, at most ``most_kernels`` at once; the next visitor is told to come again.

    For ``--VoilaConfiguration.multi_kernel_manager_class``; see docs/hosting.md.
    """

    most_kernels = Integer(4, min=1, config=True, help="How many visitors may be there at once.")
    _starting = 0

    async def start_kernel(self, *args, **kwargs):
        """Start a kernel and give its id; raise HTTPError 503 where there are as many as may be."""
        if len(self) + self._starting >= self.most_kernels:
            raise HTTPError(503, reason="As many people as this page can serve are here: try again in a few minutes")
        self._starting += 1
        try:
            return await super().start_kernel(*args, **kwargs)
        finally:
            self._starting -= 1
