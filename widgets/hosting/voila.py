"""Voilà's configuration for a page of the explorer: ``voila --Voila.config_file_paths=widgets/hosting``."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (Voilà gives it)

# A visitor chooses neither template nor theme: a link must not bring a script of somebody else's.
c.VoilaConfiguration.allow_template_override = "NO"
c.VoilaConfiguration.allow_theme_override = "NO"
c.VoilaConfiguration.file_allowlist = []  # no file of the notebooks' folder is served
c.VoilaConfiguration.show_tracebacks = False
c.VoilaConfiguration.multi_kernel_manager_class = "widgets.hosting.bounded_kernels.BoundedKernels"

c.BoundedKernels.most_kernels = 4
c.BoundedKernels.most_megabytes = 2000
c.BoundedKernels.patience = 60
c.BoundedKernels.buffer_offline_messages = False  # nothing is kept for a visitor who left
c.BoundedKernels.cull_idle_timeout = 600
c.BoundedKernels.cull_interval = 60
c.BoundedKernels.cull_connected = True

c.Voila.tornado_settings = {
    "disable_check_xsrf": True,  # so that closing the page stops its kernel; there is no login here to forge
    "headers": {
        # Jupyter's page needs inline scripts and eval; nothing comes from, or goes to, another server.
        "Content-Security-Policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
        "frame-ancestors 'self'; form-action 'self'; base-uri 'self'; object-src 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    },
}
