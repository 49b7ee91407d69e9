"""In a Jupyter notebook, whose kernel runs a loop: blocking calls, and `await` at the top level."""

import pytest

nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
import nbformat  # noqa: E402

CELLS = """
import anynats, anynats.asyncio
nc = anynats.connect({url!r})
sub = nc.subscribe("notebook")
nc.publish("notebook", b"blocking")
print(sub.next(timeout=10).payload)
---
async_nc = await anynats.asyncio.connect({url!r})
async with async_nc.subscribe("notebook") as async_sub:
    await async_nc.flush()
    nc.publish("notebook", b"from the blocking client")
    nc.flush()
    print((await async_sub.next(timeout=10)).payload)
---
seen = []
callback_sub = await async_nc.subscribe("later", callback=lambda msg: seen.append(msg.payload))
---
nc.publish("later", b"between two cells")
nc.flush()
await async_nc.flush()
print(seen)
---
await async_nc.close()
nc.close()
print(async_nc.state, nc.state)
"""
PRINTED = """\
b'blocking'
b'from the blocking client'
[b'between two cells']
closed closed
"""


def test_cells_one_after_the_other(url: str) -> None:
    cells = CELLS.format(url=url).split("---\n")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"stream"}, outputs
    assert "".join(output.text for output in outputs) == PRINTED
