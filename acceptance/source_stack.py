"""Make the source of a run: one instance for Cassandra in a VPC of its own, peered with ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from acceptance.plan import INSTANCE, INSTANCE_OUTPUT, NODE_ADDRESS, NODE_CIDR
from hintferry.adapters.config.settings import Migration
from hintferry_ops.deployed import zones
from infra.accepted import accept
from infra.iam import roles
from infra.stacks.network import NetworkStack

IMAGE = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
"""Ubuntu 24.04: it has Python 3.12 and the agent of Systems Manager."""

QUESTIONS = "contract_*"
"""The keyspaces that the questions are asked in."""

_DISK_GIB = 30
_ANYWHERE = "0.0.0.0/0"
_AGENT = "arn:<AWS::Partition>:iam::aws:policy/AmazonSSMManagedInstanceCore"
_REMOVED = "the instance lives for hours, and the run must be able to remove it"
_DRAWN = "the names of the keyspaces that the questions are asked in are drawn"
_ASKING = (
    "cassandra:Alter",
    "cassandra:Create",
    "cassandra:Drop",
    "cassandra:GetRecords",
    "cassandra:GetShardIterator",
    "cassandra:GetStream",
    "cassandra:ListStreams",
    "cassandra:Modify",
    "cassandra:Select",
)


class SourceStack(cdk.Stack):
    """The VPC, its way to the internet (for Systems Manager) and to the pipeline, the instance."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        migration: Migration,
        network: NetworkStack,
        policies: Sequence[iam.IManagedPolicy],
        **options: Any,
    ) -> None:
        super().__init__(scope, name, **options)
        self._name = name
        self._vpc = ec2.CfnVPC(self, "Vpc", cidr_block=NODE_CIDR, enable_dns_hostnames=True)
        subnet, table = self._subnet(migration)
        self._peer(migration, network, table)
        group = self._group(migration)
        instance = self._instance(subnet, group, self._profile(policies))
        cdk.CfnOutput(self, INSTANCE_OUTPUT, value=instance.ref)
        accept(self._vpc, {"AwsSolutions-VPC7": "the VPC lives for hours, with one instance"})
        lasting = dict.fromkeys(("AwsSolutions-EC28", "AwsSolutions-EC29"), _REMOVED)
        accept(instance, lasting)

    def _subnet(self, migration: Migration) -> tuple[ec2.CfnSubnet, ec2.CfnRouteTable]:
        gateway = ec2.CfnInternetGateway(self, "Gateway")
        attached = ec2.CfnVPCGatewayAttachment(
            self, "Attached", vpc_id=self._vpc.ref, internet_gateway_id=gateway.ref
        )
        subnet = ec2.CfnSubnet(
            self,
            "Subnet",
            vpc_id=self._vpc.ref,
            cidr_block=NODE_CIDR,
            availability_zone=zones(migration)[0],
            map_public_ip_on_launch=True,
        )
        accept(subnet, {"CloudFormation-Validate::W3010": "the zone is that of migration.toml"})
        table = ec2.CfnRouteTable(self, "Routes", vpc_id=self._vpc.ref)
        out = ec2.CfnRoute(
            self,
            "Out",
            route_table_id=table.ref,
            destination_cidr_block=_ANYWHERE,
            gateway_id=gateway.ref,
        )
        out.add_resource_dependency(attached)
        ec2.CfnSubnetRouteTableAssociation(
            self, "Association", subnet_id=subnet.ref, route_table_id=table.ref
        )
        return subnet, table

    def _peer(self, migration: Migration, network: NetworkStack, table: ec2.CfnRouteTable) -> None:
        """Let the functions reach Cassandra, and capture the brokers."""
        peering = ec2.CfnVPCPeeringConnection(
            self, "Peering", vpc_id=self._vpc.ref, peer_vpc_id=network.vpc.vpc_id
        )
        ec2.CfnRoute(
            self,
            "ToPipeline",
            route_table_id=table.ref,
            destination_cidr_block=migration.deployment.network.vpc_cidr,
            vpc_peering_connection_id=peering.ref,
        )
        for number, subnet in enumerate(network.vpc.isolated_subnets, start=1):
            ec2.CfnRoute(
                self,
                f"ToSource{number}",
                route_table_id=subnet.route_table.route_table_id,
                destination_cidr_block=NODE_CIDR,
                vpc_peering_connection_id=peering.ref,
            )

    def _group(self, migration: Migration) -> ec2.CfnSecurityGroup:
        """Let in nothing but the functions of the pipeline, and let everything out."""
        functions = migration.deployment.network.vpc_cidr
        return ec2.CfnSecurityGroup(
            self,
            "Group",
            vpc_id=self._vpc.ref,
            group_description="Cassandra of an acceptance run",
            security_group_ingress=[
                {
                    "ipProtocol": "tcp",
                    "fromPort": migration.source.port,
                    "toPort": migration.source.port,
                    "cidrIp": functions,
                    "description": "the functions",
                }
            ],
            security_group_egress=[
                {"ipProtocol": "-1", "cidrIp": _ANYWHERE, "description": "AWS and the brokers"}
            ],
        )

    def _profile(self, policies: Sequence[iam.IManagedPolicy]) -> iam.CfnInstanceProfile:
        agent = iam.ManagedPolicy.from_aws_managed_policy_name("AmazonSSMManagedInstanceCore")
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[agent, *policies],
        )
        accept(role, {f"AwsSolutions-IAM4[Policy::{_AGENT}]": "AWS keeps it for its own agent"})
        here = f"{self.partition}:cassandra:{self.region}:{self.account}"
        drawn = f"arn:{here}:/keyspace/{QUESTIONS}"
        roles.allow(role, list(_ASKING), [drawn])
        roles.allow(role, ["cassandra:Select"], [roles.system_arn(self)])
        roles.accept_pattern(role, drawn, _DRAWN)
        roles.accept_system(role)
        return iam.CfnInstanceProfile(self, "Profile", roles=[role.role_name])

    def _instance(
        self, subnet: ec2.CfnSubnet, group: ec2.CfnSecurityGroup, profile: iam.CfnInstanceProfile
    ) -> ec2.CfnInstance:
        disk = {"volumeSize": _DISK_GIB, "volumeType": "gp3", "encrypted": True}
        return ec2.CfnInstance(
            self,
            "Instance",
            image_id=f"{{{{resolve:ssm:{IMAGE}}}}}",
            instance_type=INSTANCE,
            subnet_id=subnet.ref,
            private_ip_address=NODE_ADDRESS,
            security_group_ids=[group.attr_group_id],
            iam_instance_profile=profile.ref,
            block_device_mappings=[{"deviceName": "/dev/sda1", "ebs": disk}],
            tags=[cdk.CfnTag(key="Name", value=self._name)],
        )
