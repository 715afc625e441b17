"""Make the places of hints that are in no topic: two queues and the bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from hintferry_ops.constants import QUEUE_RETENTION_S, REPLAY_RECEIVES, REPLAY_VISIBILITY_S
from infra.accepted import accept

OBJECT_DAYS = 30
"""Longer than the queues keep the messages that name an object."""

GIVEN_UP, PARKED, SWEEPS = "aws/lambda/", "parked/", "sweeps/"
"""The folders for given-up payloads, records too large for a queue, and sweeps; all expire."""


class Storage(Construct):
    """The parked queue (the dead letters of the replay queue), the replay queue, the bucket."""

    def __init__(self, scope: Construct, name: str, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self.key = key
        self.parked = self._queue("Parked", key)
        self.replay = self._queue(
            "Replay",
            key,
            visibility_timeout=cdk.Duration.seconds(REPLAY_VISIBILITY_S),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.parked, max_receive_count=REPLAY_RECEIVES
            ),
        )
        itself = "it is itself the queue of dead letters"
        accept(self.parked, {"AwsSolutions-SQS3": itself, "Serverless-SQSRedrivePolicy": itself})
        self.bucket = self._bucket(key)
        accept(
            self.bucket,
            {
                "AwsSolutions-S1": "only Lambda and the functions write it, and CloudTrail's data"
                " events tell who read it where that is asked for"
            },
        )

    def outputs(self) -> Mapping[str, str]:
        """Return the outputs by which the functions and the command find queues and bucket."""
        return {
            "parked_queue_url": self.parked.queue_url,
            "replay_queue_url": self.replay.queue_url,
            "bucket": self.bucket.bucket_name,
        }

    def _queue(self, name: str, key: kms.IKey, **options: Any) -> sqs.Queue:
        return sqs.Queue(
            self,
            name,
            retention_period=cdk.Duration.seconds(QUEUE_RETENTION_S),
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            **options,
        )

    def _bucket(self, key: kms.IKey) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                *(
                    s3.LifecycleRule(prefix=prefix, expiration=cdk.Duration.days(OBJECT_DAYS))
                    for prefix in (GIVEN_UP, PARKED, SWEEPS)
                ),
                s3.LifecycleRule(
                    noncurrent_version_expiration=cdk.Duration.days(OBJECT_DAYS),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                ),
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
