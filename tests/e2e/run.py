#!/usr/bin/env python3
"""Runs one file of end-to-end tests: every test_* function in it, in order, each told what it proves by its name.

usage: run.py FILE [NAME...]
"""

import importlib.util
import os
import pathlib
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))


def main():
    path = pathlib.Path(sys.argv[1])
    wanted = sys.argv[2:]
    if os.geteuid() != 0:
        print("end-to-end tests make network namespaces and containers: root is needed")
        return 1
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [(name, value) for name, value in vars(module).items() if name.startswith("test_") and callable(value)]
    tests = [(name, value) for name, value in tests if not wanted or name in wanted]
    if not tests:
        print(f"no test in {path}" + (f" named {wanted}" if wanted else ""))
        return 1
    failed = 0
    for name, test in tests:
        start = time.monotonic()
        try:
            test()
            print(f"ok      {name}  {time.monotonic() - start:.1f} s", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            traceback.print_exc()
            print(f"FAILED  {name}  {time.monotonic() - start:.1f} s", flush=True)
    print(f"{len(tests) - failed} of {len(tests)} passed")
    return 1 if failed else 0


sys.exit(main())
