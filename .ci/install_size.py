"""Print the size in MB of what an installation added to its environment.

First what the distributions contain, then the same with the bytecode that pip
compiles beside it. Leaves out pip and setuptools, which a virtual environment
brings itself.
"""

from importlib.metadata import distributions

contents = bytecode = 0
for dist in distributions():
    if dist.metadata["Name"].lower() in {"pip", "setuptools"}:
        continue
    for entry in dist.files or ():
        path = entry.locate()
        if not path.is_file():
            continue
        if path.suffix == ".pyc":
            bytecode += path.stat().st_size
        else:
            contents += path.stat().st_size
print(f"{contents / 1e6:.1f} {(contents + bytecode) / 1e6:.1f}")
