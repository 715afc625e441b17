"""A `migration.toml` of what is there already, and of a source that asks for a password."""

CLUSTER = "arn:aws:kafka:eu-west-1:123456789012:cluster/shared/"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cassandra-AbCdEf"
LOGIN = f"""
tls = true
ca_file = "ca.pem"
auth = "password"
secret_arn = "{SECRET}"
"""
IMPORTED = f"""
[network]
vpc_id = "vpc-0123456789abcdef0"
subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
route_table_ids = ["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"]
availability_zones = ["eu-west-1a", "eu-west-1b"]
vpc_cidr = "10.1.0.0/16"
source_cidrs = ["10.0.0.0/16"]

[kafka]
cluster_arn = "{CLUSTER}0a1b2c3d-1111-2222-3333-444455556666-7"

[alarms]
critical_topic_arn = "arn:aws:sns:eu-west-1:123456789012:pager"
warning_topic_arn = "arn:aws:sns:eu-west-1:123456789012:mail"
"""
