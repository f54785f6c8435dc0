"""Look at this machine: what works, what does not, and how to get it. Exits with 1 if something needed is missing.

examples:
  scrubjay doctor
  scrubjay doctor --json
"""

from __future__ import annotations

import argparse
import json


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(args: argparse.Namespace) -> int:
    from experiments.doctor import examine

    findings = examine()
    if args.json:
        print(
            json.dumps(
                {f.name: {"works": f.works, "needed": f.needed, "found": f.found, "remedy": f.remedy} for f in findings}
            )
        )
    else:
        for f in findings:
            mark = "ok" if f.works else "MISSING" if f.needed else "--"
            print(f"{mark:8} {f.name:12} {f.found}" + (f"\n{'':21} {f.remedy}" if not f.works and f.remedy else ""))
    return 0 if all(f.works or not f.needed for f in findings) else 1
