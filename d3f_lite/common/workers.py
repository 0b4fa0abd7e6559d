"""Where the cases of ``joblib.Parallel`` run: in processes, in threads, or on a Dask cluster."""

from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import joblib

from d3f_lite.errors import SettingsError

WORKER_KILLED = "the system killed a worker, perhaps for want of memory: run it again with fewer --jobs"


@contextmanager
def workers(backend: str = "loky", jobs: int = -1, scheduler: str | None = None, patience: float = 10.0):
    """Where the cases of ``joblib.Parallel`` run inside the ``with`` block.

    Args:
        backend: "loky" (processes), "threading", or "dask".
        jobs: how many at once; -1 = one per core. A Dask scheduler decides by itself.
        scheduler: address of a Dask scheduler; by default a local cluster is started.
        patience: seconds for the scheduler to answer.

    Raises:
        SettingsError: an impossible number of jobs, Dask is not installed, no scheduler answers, or the system killed a process.
    """
    if jobs == 0 or jobs < -1:
        raise SettingsError(f"--jobs must be 1 or more, or -1 for one per core, not {jobs}")
    if backend != "dask":
        try:
            with joblib.parallel_config(backend=backend, n_jobs=jobs):
                yield
        except BrokenProcessPool as error:
            raise SettingsError(f"{WORKER_KILLED}; what is done is kept") from error
        return
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise SettingsError("--backend dask needs it installed: pip install distributed") from error
    try:
        cluster = scheduler or LocalCluster(n_workers=None if jobs < 0 else jobs, threads_per_worker=1, dashboard_address=None)
        client = Client(cluster, timeout=patience)
    except (OSError, ValueError) as error:
        raise SettingsError(f"no Dask scheduler answers at {scheduler}: {error}") from error
    try:
        with client, joblib.parallel_config(backend="dask"):
            yield
    finally:
        if scheduler is None:
            cluster.close()
