"""What all tests share: none of them sees weights that a person has fetched."""

import os
import tempfile
from pathlib import Path

# Torch hub's cache, where "auto" would find face-alignment's network: the promises here are MediaPipe's.
os.environ["TORCH_HOME"] = str(Path(tempfile.gettempdir()) / "d3f-lite-no-torch-home")
