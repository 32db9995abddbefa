"""Makes the virtual environment of the driver: `python3 build.py`.

Uses the standard library alone, since it runs before anything is installed. The environment is kept while requirements.txt and
the interpreter stay the same, so that a second run takes no time.
"""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
ENVIRONMENT = BUILD / "venv"
STAMP = BUILD / "installed"


def main() -> None:
    requirements = HERE / "requirements.txt"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted and (ENVIRONMENT / "bin" / "python").exists():
        return
    BUILD.mkdir(exist_ok=True)
    STAMP.unlink(missing_ok=True)
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    python = str(ENVIRONMENT / "bin" / "python")
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", str(requirements)],
        check=True,
    )
    STAMP.write_text(wanted)


if __name__ == "__main__":
    main()
