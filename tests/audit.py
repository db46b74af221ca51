"""The comparison of the pinned versions with published vulnerabilities, which says what it could not compare.

Run by `make audit`: python -m tests.audit .venv-release/bin/pip-audit constraints.txt. The exit code is 0 if no version
has a known vulnerability, 1 if one has, and 2 if versions could not be compared: pip-audit itself ends with 0 then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

_SHOWN = 5


def verdict(report: dict[str, Any]) -> tuple[int, list[str]]:
    """The exit code for pip-audit's report, and what is to be said of it."""
    packages = report["dependencies"]
    lines = [
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    compared = f"{len(packages) - len(skipped)} of {len(packages)} pinned versions were compared"
    code = 1 if lines else 0
    if skipped:
        more = ", ..." if len(skipped) > _SHOWN else ""
        names = ", ".join(skipped[:_SHOWN]) + more
        lines += [f"NOT AUDITED: {names}: the advisories' service did not know them, or was not reached"]
        code = code or 2
    return code, [*lines, f"{compared}, {'no vulnerability is known of these' if code != 1 else 'see above'}"]


def main(command: str, requirements: str) -> int:
    options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(
        [command, "--requirement", requirements, *options], capture_output=True, text=True, check=False
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        print(f"NOT AUDITED: pip-audit ended with {done.returncode} and without a report: {done.stderr.strip()[-500:]}")
        return 2
    code, lines = verdict(report)
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
