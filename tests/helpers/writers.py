"""Write a small result again and again, as writers beside each other do; light, because each is a process of its own."""

import json

from d3f_lite.errors import OutputError
from d3f_lite.files.whole import whole_folder
from d3f_lite.results.provenance import is_part_of_result, is_result

REPORT = json.dumps({"versions": {"d3f-lite": "0.1.0"}})


def write(path, number, times):
    """Write a result ``times`` times; what went wrong."""
    wrong = []
    for _ in range(times):
        try:
            with whole_folder(path, is_result, is_part_of_result) as folder:
                for name in ("fit.ply", "samples.npz"):
                    (folder / name).write_text(str(number))
                (folder / "report.json").write_text(REPORT)
        except OutputError as error:
            wrong.append(str(error))
    return wrong
