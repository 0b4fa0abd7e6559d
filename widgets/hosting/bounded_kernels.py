"""Kernels for visitors: no more at once than the machine can bear, none that fills its memory, none for those who left."""

import psutil
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import IOLoop
from tornado.web import HTTPError
from traitlets import Float, Integer

# A traceback tells of the server's folders: it goes neither to the visitor nor, as logged text, through the kernel's output.
QUIET = ["--InteractiveShell.xmode=Minimal", "--IPKernelApp.capture_fd_output=False", "--IPKernelApp.log_level=CRITICAL"]


class BoundedKernels(AsyncMappingKernelManager):
    """Voilà's kernels, one for each visitor; ``voila.json`` chooses them."""

    most_kernels = Integer(4, min=1, config=True, help="How many visitors may be there at once.")
    most_megabytes = Integer(2000, min=500, config=True, help="What each kernel may allocate, on Linux.")
    patience = Float(60.0, min=0.0, config=True, help="Seconds for which a kernel waits for a visitor who is not connected.")
    _starting = 0

    async def start_kernel(self, *args, **kwargs):
        """Start a kernel and give its id; raise HTTPError 503 where there are as many as may be."""
        if len(self) + self._starting >= self.most_kernels:
            raise HTTPError(503, reason="As many people as this page can serve are here: try again in a few minutes")
        self._starting += 1
        try:
            kernel_id = await super().start_kernel(*args, extra_arguments=QUIET, **kwargs)
        finally:
            self._starting -= 1
        if psutil.LINUX:
            most = self.most_megabytes * 1_000_000
            psutil.Process(self.get_kernel(kernel_id).provisioner.pid).rlimit(psutil.RLIMIT_DATA, (most, most))
        self._expect_visitor(kernel_id)
        return kernel_id

    def notify_disconnect(self, kernel_id):
        """End the kernel, unless its visitor comes back in time."""
        super().notify_disconnect(kernel_id)
        self._expect_visitor(kernel_id)

    def _expect_visitor(self, kernel_id):
        async def end_if_alone():
            if kernel_id in self and not self._kernel_connections.get(kernel_id):
                await self.shutdown_kernel(kernel_id, now=True)

        IOLoop.current().call_later(self.patience, end_if_alone)
