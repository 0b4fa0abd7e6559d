"""Write the shipped segmenter of face parts: Google's multi-class selfie segmenter with its weights in eight bits.

``python -m research.bake.face_parts PATH``, with Google's ``selfie_multiclass_256x256.tflite`` (16.4 MB, Apache-2.0); the eight
bits need ``pip install d3f-lite[bake]``.
"""

import argparse
import sys
from pathlib import Path

from d3f_lite.assets import SHIPPED, sha256_of
from d3f_lite.command_line import command_line
from d3f_lite.errors import AssetError

ORIGINAL_SHA256 = "c6748b1253a99067ef71f7e26ca71096cd449baefa8f101900ea23016507e0e0"


def write_face_parts(original: Path | str, path: Path | str = SHIPPED / "face_parts.tflite") -> None:
    """Write to ``path`` the model ``original`` with each weight as eight bits and one scale a channel; it computes in floats.

    Raises:
        AssetError: ``original`` is not Google's file.
    """
    original, path = Path(original), Path(path)
    if not original.is_file() or sha256_of(original) != ORIGINAL_SHA256:
        raise AssetError(f"{original}: not Google's selfie_multiclass_256x256.tflite (sha256 {ORIGINAL_SHA256[:16]}…)")
    from ai_edge_quantizer import quantizer, recipe

    quantised = quantizer.Quantizer(str(original))
    quantised.load_quantization_recipe(recipe.weight_only_wi8_afp32())
    quantised.quantize().export_model(str(path), overwrite=True)


@command_line("face_parts")
def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("original", type=Path, metavar="PATH", help="Google's selfie_multiclass_256x256.tflite")
    write_face_parts(parser.parse_args().original)


if __name__ == "__main__":
    sys.exit(main())
