"""An AWS that moto plays on loopback, with what a small EKS cluster consists of in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests

REGION = "eu-central-1"
_TRUST = {"Version": "2012-10-17", "Statement": []}


@dataclass(frozen=True)
class Emulated:
    """address: of the endpoint that boto3 is told by AWS_ENDPOINT_URL."""

    address: str

    def client(self, service: str, region: str = REGION) -> Any:
        """A client of ours, for looking and for making."""
        import boto3

        return boto3.client(service, region_name=region)

    def cluster(self, marks: dict[str, str], region: str = REGION) -> list[str]:
        """Network, role, cluster, nodes, instance, volume and balancer, all with these marks. Their ids."""
        tags = [{"Key": key, "Value": value} for key, value in marks.items()]
        ec2, iam, eks = self.client("ec2", region), self.client("iam"), self.client("eks", region)
        name = f"c-{len(iam.list_roles()['Roles'])}"

        def of(kind: str) -> dict[str, Any]:
            return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]}

        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", **of("vpc"))["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", **of("subnet"))["Subnet"]["SubnetId"]
        gateway = ec2.create_internet_gateway(**of("internet-gateway"))["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        table = ec2.create_route_table(VpcId=vpc, **of("route-table"))["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        address = ec2.allocate_address(Domain="vpc", **of("elastic-ip"))["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, **of("natgateway"))["NatGateway"]
        group = ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc, **of("security-group"))["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
        )
        image = ec2.describe_images()["Images"][0]["ImageId"]
        launched = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "SubnetId": subnet, "SecurityGroupIds": [group]}
        instance = ec2.run_instances(**launched, **of("instance"))["Instances"][0]["InstanceId"]
        volume = ec2.create_volume(AvailabilityZone=f"{region}a", Size=1, **of("volume"))["VolumeId"]
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST), Tags=tags)["Role"]
        iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy")
        made = eks.create_cluster(
            name=name, roleArn=role["Arn"], resourcesVpcConfig={"subnetIds": [subnet]}, tags=marks
        )
        nodes = eks.create_nodegroup(
            clusterName=name, nodegroupName="n", subnets=[subnet], nodeRole=role["Arn"], tags=marks
        )
        return [
            vpc, subnet, gateway, table, address, nat["NatGatewayId"], group, instance, volume, role["Arn"],
            made["cluster"]["arn"], nodes["nodegroup"]["nodegroupArn"],
        ]  # fmt: skip

    def there(self, region: str = REGION) -> dict[str, int]:
        """How many of each kind are there, by AWS's own listings and not by marks."""
        ec2, eks, iam = self.client("ec2", region), self.client("eks", region), self.client("iam")
        clusters = eks.list_clusters()["clusters"]
        instances = [item for group in ec2.describe_instances()["Reservations"] for item in group["Instances"]]
        nats = ec2.describe_nat_gateways()["NatGateways"]
        return {
            "vpc": sum(not item["IsDefault"] for item in ec2.describe_vpcs()["Vpcs"]),
            "subnet": sum(not item["DefaultForAz"] for item in ec2.describe_subnets()["Subnets"]),
            "gateway": len(ec2.describe_internet_gateways()["InternetGateways"]),
            "address": len(ec2.describe_addresses()["Addresses"]),
            "nat": sum(item["State"] != "deleted" for item in nats),
            "group": sum(item["GroupName"] != "default" for item in ec2.describe_security_groups()["SecurityGroups"]),
            "instance": sum(item["State"]["Name"] != "terminated" for item in instances),
            "role": len(iam.list_roles()["Roles"]),
            "cluster": len(clusters),
            "nodes": sum(len(eks.list_nodegroups(clusterName=name)["nodegroups"]) for name in clusters),
        }


@contextmanager
def emulated() -> Iterator[Emulated]:
    """A fresh one. Skips where moto is not installed."""
    server = pytest.importorskip("moto.server", reason="moto is not installed here: tox -e cloud installs it")
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    address = f"http://{host}:{port}"
    own = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    own |= {"AWS_DEFAULT_REGION": REGION, "AWS_CONFIG_FILE": "/dev/null", "NO_PROXY": host, "no_proxy": host}
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AWS_PROFILE", raising=False)
            for name, value in own.items():
                patch.setenv(name, value)
            # All servers of a process have one memory.
            requests.post(f"{address}/moto-api/reset", timeout=30).raise_for_status()
            yield Emulated(address)
    finally:
        running.stop()
