"""What AWS asks for what stands, used or not, USD. The one place to change when AWS does.

Of us-east-1; other Regions ask up to a third more. Each names its page below aws.amazon.com.
What Keyspaces asks for each read and write is not here.
"""

DATED = "2025-12"
HOURS_A_MONTH = 730

BROKER_HOUR = {
    "kafka.t3.small": 0.0456,
    "kafka.m5.large": 0.21,
    "kafka.m5.xlarge": 0.42,
    "kafka.m5.2xlarge": 0.84,
    "kafka.m7g.large": 0.204,
    "kafka.m7g.xlarge": 0.408,
    "kafka.m7g.2xlarge": 0.816,
    "kafka.m7g.4xlarge": 1.632,
}
"""By instance: msk/pricing."""

BROKER_GIB_MONTH = 0.10
"""msk/pricing"""

POLLER_UNIT_HOUR = 0.185
"""An event poller unit: lambda/pricing."""

POLLERS_A_UNIT = 10
"""lambda/latest/dg/kafka-scaling-modes.html"""

ENDPOINT_HOUR = 0.01
"""An interface endpoint, in one availability zone: privatelink/pricing."""

ALARM_MONTH = 0.10
"""And each series that a query looks at: cloudwatch/pricing."""

DASHBOARD_MONTH = 3.00
METRIC_MONTH = 0.30
"""A series of our own."""

KEY_MONTH = 1.00
"""kms/pricing"""

SECRET_MONTH = 0.40
"""secrets-manager/pricing"""
