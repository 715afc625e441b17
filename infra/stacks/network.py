"""Make or import the VPC of functions and brokers, with its endpoints and security groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from hintferry.adapters.config.deployment import ALL_ENDPOINTS, NetworkSettings
from hintferry.adapters.config.settings import Migration
from hintferry.core.errors import ConfigurationError
from hintferry_ops.deployed import KEY_ARN, zones
from infra.accepted import accept
from infra.stacks.key import key_of
from infra.stacks.log_group import log_group

BROKER_PORT = 9098
"""The brokers' port for clients that sign in with IAM."""

_ENDPOINT_GROUP = {
    "AwsSolutions-EC23": "the rule cannot resolve the VPC's own addresses, the only ones let in"
}

_SERVICES = {
    "keyspaces": ("Keyspaces", ec2.InterfaceVpcEndpointAwsService.KEYSPACES),
    "sqs": ("Sqs", ec2.InterfaceVpcEndpointAwsService.SQS),
    "secretsmanager": ("Secrets", ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER),
}
_RESTRICTOR = "Custom::VpcRestrictDefaultSGCustomResourceProvider"

_NOT_ABC = ("ap-northeast-1", "ca-central-1", "us-west-1")
"""Regions in which a new account may lack one of the zones a, b and c.

Nobody has checked this list on AWS, and no published list was found. It only asks for zones sooner:
`hintferry preflight --only account` asks the account itself, in every Region.
"""


def _refuse_unknown_zones(region: str) -> None:
    """Raises ConfigurationError where zones a, b and c cannot be taken for granted."""
    if region in _NOT_ABC:
        raise ConfigurationError(
            f"network.availability_zones is missing, and {region} has not the zones a, b and c in"
            " every account; write those of yours: aws ec2 describe-availability-zones"
        )


def endpoints_made(migration: Migration) -> list[str]:
    """Return the services whose endpoint is made. Raises ConfigurationError."""
    needed = [
        "keyspaces",
        "sqs",
        *(["secretsmanager"] if migration.source.secret_arn else []),
        "s3",
    ]
    said = migration.deployment.network.endpoints
    if said == ALL_ENDPOINTS:
        return needed
    if unknown := [one for one in said if one not in needed]:
        raise ConfigurationError(
            f"network.endpoints names {', '.join(unknown)}; write those of {', '.join(needed)} that"
            " are to be made"
        )
    return list(said)


class NetworkStack(cdk.Stack):
    """The VPC with the service endpoints, the security groups, and the key."""

    def __init__(self, scope: Construct, name: str, migration: Migration, **options: Any) -> None:
        super().__init__(scope, name, **options)
        settings = migration.deployment.network
        if not settings.source_cidrs:
            raise ConfigurationError(
                "network.source_cidrs is missing; list the addresses of the Cassandra nodes, as"
                ' ["10.0.0.0/16"]'
            )
        self.key = key_of(self, migration)
        cdk.CfnOutput(self, KEY_ARN, value=self.key.key_arn)
        self.vpc = self._import(settings) if settings.vpc_id else self._make(migration)
        self.functions = ec2.SecurityGroup(
            self, "Functions", vpc=self.vpc, allow_all_outbound=False, description="The functions"
        )
        self.brokers = ec2.SecurityGroup(
            self, "Brokers", vpc=self.vpc, allow_all_outbound=False, description="The brokers"
        )
        self._open_ways(migration)
        self._make_endpoints(migration)

    def _make(self, migration: Migration) -> ec2.IVpc:
        settings = migration.deployment.network
        if not settings.availability_zones:
            _refuse_unknown_zones(self.region)
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(settings.vpc_cidr),
            availability_zones=list(zones(migration)),
            # No way to the internet: everything that is spoken to is an endpoint or a peer.
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=22
                )
            ],
        )
        self._tag_restrictor(migration.deployment.tags)
        group = log_group(self, "FlowLog", self.key)
        vpc.add_flow_log("Flow", destination=ec2.FlowLogDestination.to_cloud_watch_logs(group))
        return vpc

    def _tag_restrictor(self, tags: Mapping[str, str]) -> None:
        """Tag the CDK's own function, which closes the VPC's default security group, by hand."""
        written = [{"Key": key, "Value": value} for key, value in tags.items()]
        provider = self.node.find_child(_RESTRICTOR)
        for name in ("Handler", "Role"):
            provider.node.find_child(name).add_property_override("Tags", written)

    def _import(self, settings: NetworkSettings) -> ec2.IVpc:
        wanted = {
            "subnet_ids": settings.subnet_ids,
            "route_table_ids": settings.route_table_ids,
            "availability_zones": settings.availability_zones,
        }
        for name, values in wanted.items():
            if len(values) != len(settings.subnet_ids) or not values:
                raise ConfigurationError(
                    f"network.{name} must have one entry a subnet where network.vpc_id is set"
                )
        return ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=settings.vpc_id,
            vpc_cidr_block=settings.vpc_cidr,
            availability_zones=list(settings.availability_zones),
            isolated_subnet_ids=list(settings.subnet_ids),
            isolated_subnet_route_table_ids=list(settings.route_table_ids),
        )

    def _open_ways(self, migration: Migration) -> None:
        """Functions to Cassandra; mappings (which use the brokers' group) and nodes to brokers."""
        broker = ec2.Port.tcp(BROKER_PORT)
        self.brokers.add_ingress_rule(self.brokers, broker, "event source mappings")
        self.brokers.add_egress_rule(self.brokers, broker, "event source mappings")
        for cidr in migration.deployment.network.source_cidrs:
            nodes = ec2.Peer.ipv4(cidr)
            self.functions.add_egress_rule(nodes, ec2.Port.tcp(migration.source.port), "Cassandra")
            self.brokers.add_ingress_rule(nodes, broker, "capture on the nodes")
        # To S3's addresses, which only its gateway endpoint's prefix list names.
        https = ec2.Port.tcp(443)
        self.functions.add_egress_rule(ec2.Peer.any_ipv4(), https, "endpoints of SQS and S3")
        self.brokers.add_egress_rule(ec2.Peer.any_ipv4(), https, "the bucket, from the mappings")

    def _make_endpoints(self, migration: Migration) -> None:
        subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        ports = {
            name: migration.target.port if name == "keyspaces" else 443
            for name in endpoints_made(migration)
        }
        for name, port in ports.items():
            if name != "s3":
                self._make_endpoint(name, port, subnets)
        if "s3" in ports:
            s3 = ec2.GatewayVpcEndpointAwsService.S3
            ec2.GatewayVpcEndpoint(self, "S3", vpc=self.vpc, service=s3, subnets=[subnets])
        self._join_endpoints(migration)

    def _join_endpoints(self, migration: Migration) -> None:
        """Let the functions in where endpoints are there already."""
        for group_id in migration.deployment.network.endpoint_group_ids:
            group = ec2.SecurityGroup.from_security_group_id(self, group_id, group_id)
            for port in sorted({443, migration.target.port}):
                group.add_ingress_rule(self.functions, ec2.Port.tcp(port), "the functions")
                if port != 443:
                    self.functions.add_egress_rule(group, ec2.Port.tcp(port), "Keyspaces")

    def _make_endpoint(self, name: str, port: int, subnets: ec2.SubnetSelection) -> None:
        title, service = _SERVICES[name]
        group = ec2.SecurityGroup(
            self, f"{title}Group", vpc=self.vpc, allow_all_outbound=False, description=title
        )
        group.add_ingress_rule(self.functions, ec2.Port.tcp(port), "the functions")
        self.functions.add_egress_rule(group, ec2.Port.tcp(port), title)
        ec2.InterfaceVpcEndpoint(
            self,
            title,
            vpc=self.vpc,
            service=service,
            subnets=subnets,
            security_groups=[group],
            open=False,
            private_dns_enabled=True,
        )
        accept(group, _ENDPOINT_GROUP)
