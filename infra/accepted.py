"""Findings of cdk-nag that stay, each with its reason beside the construct that it is about."""

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import IConstruct


def accept(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Let these findings stand for the construct and what is below it."""
    acknowledged = [cdk.Acknowledgment(id=rule, reason=why) for rule, why in reasons.items()]
    cdk.Validations.of(construct).acknowledge(*acknowledged)
