"""Ask whether any pinned package has a known weakness. Where nobody answers, say so and pass."""

import json
import subprocess
import sys
from pathlib import Path

PINS = Path(__file__).parents[1] / "constraints.txt"


def main() -> int:
    line = [
        sys.executable,
        "-m",
        "pip_audit",
        "--disable-pip",
        "--require-hashes",
        "--format",
        "json",
    ]
    line += ["--progress-spinner", "off", "--timeout", "20", "--requirement", str(PINS)]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(ended.stdout)["dependencies"]
    except ValueError:
        print(f"audit: skipped: {(ended.stderr.strip().splitlines() or ['no answer'])[-1][:200]}")
        return 0
    answered = [package for package in packages if "skip_reason" not in package]
    weak = [package for package in answered if package["vulns"]]
    for package in weak:
        known = ", ".join(weakness["id"] for weakness in package["vulns"])
        print(f"{package['name']} {package['version']}: {known}")
    print(
        f"audit: {len(answered)} of {len(packages)} packages were known, {len(weak)} of them weak"
    )
    return 1 if weak else 0


if __name__ == "__main__":
    raise SystemExit(main())
