"""What all tests share: none of them sees weights that a person has fetched."""

import os
import tempfile

# torch hub's cache, where "auto" would find face-alignment's network: the promises here are MediaPipe's.
os.environ["TORCH_HOME"] = tempfile.mkdtemp(prefix="d3f-lite-torch-home-")
