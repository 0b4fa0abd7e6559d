"""Work off the main thread: the latest job wins, Stop stops it, errors are told in words."""

import html
import threading

import ipywidgets

from d3f_lite.errors import Cancelled, D3FError


class BackgroundTask(ipywidgets.HBox):
    """A progress bar, a Stop button and a line of words over one background thread.

    A new job drops the one that waits and stops the one that runs, so a slider that moves ten times leaves no queue,
    and what stands on the screen at the end belongs to its last place.
    """

    def __init__(self):
        self.bar = ipywidgets.FloatProgress(max=1.0, layout={"width": "140px"})
        self.stop_button = ipywidgets.Button(description="Stop", disabled=True, layout={"width": "70px"})
        self.words = ipywidgets.HTML(layout={"max_width": "320px"})
        self.stop_button.on_click(lambda _: self.stop())
        self._lock = threading.Lock()
        self._wanted = self._waiting = self._thread = None
        super().__init__([self.bar, self.stop_button, self.words])

    def start(self, work, show):
        """Run ``show(work(progress))`` in the background.

        Args:
            work: called with ``progress(stage, fraction)``, which raises Cancelled once the job is no longer wanted.
            show: called with the result, unless another job was started or Stop was pressed meanwhile.
        """
        with self._lock:
            self._wanted = self._waiting = (work, show)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work_off, daemon=True)
                self._thread.start()

    def stop(self):
        """Stop the running job at its next report of progress and forget the waiting one."""
        with self._lock:
            self._wanted = self._waiting = None
            if self._thread is not None:
                self.words.value = "stopped"

    def wait(self, timeout=600.0):
        """Wait, at most ``timeout`` seconds, until nothing runs; True when that is so."""
        if (thread := self._thread) is not None:
            thread.join(timeout)
        return self._thread is None

    def say(self, words, error=False):
        """Show a line of words until the next job."""
        told = html.escape(words)
        self.words.value = f'<span role="alert" style="color:#b00020">{told}</span>' if error else told

    def _work_off(self):
        while True:
            with self._lock:
                job, self._waiting = self._waiting, None
                if job is None:
                    self._thread = None
                    return
            self._run(job)

    def _run(self, job):
        work, show = job

        def progress(stage, fraction):
            if self._wanted is not job:
                raise Cancelled("stopped")
            if stage != self.words.value or fraction == 1.0 or fraction - self.bar.value >= 0.02:  # spare the browser
                self.bar.value, self.words.value = fraction, stage

        self.stop_button.disabled, self.bar.value, self.words.value = False, 0.0, "computing …"
        try:
            result = work(progress)
            progress("", 1.0)
            show(result)
        except Cancelled:
            self.words.value = "stopped" if self._wanted is None else ""
        except D3FError as error:
            self.say(str(error), error=True)
        except Exception as error:  # a thread has nobody to raise to: whatever went wrong is told here
            self.say(f"this should not happen, please report it: {type(error).__name__}: {error}", error=True)
        finally:
            self.stop_button.disabled = True
