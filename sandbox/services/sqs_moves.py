"""Message-move tasks for moto's SQS, which has none: the redrive of a dead-letter queue.

Import before the server starts. As on the service, a message that was sent straight to the
dead-letter queue has no source to go back to. Without a destination such a task fails.
"""

import base64
import json
import threading
import time
import uuid
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import unix_time_millis
from moto.sqs import models
from moto.sqs.exceptions import SQSException
from moto.sqs.responses import SQSResponse

MoveTask = dict[str, Any]
_tasks: dict[str, list[MoveTask]] = {}


class _NotFound(SQSException):
    def __init__(self, message: str) -> None:
        super().__init__("ResourceNotFoundException", message)


class _Unsupported(SQSException):
    def __init__(self, message: str) -> None:
        super().__init__("AWS.SimpleQueueService.UnsupportedOperation", message)


def install() -> None:
    """Give moto's SQS the three actions, and let messages remember the queue they were sent to."""
    # Moto makes a date of each look at the time, and looks for every message at every request: with
    # thousands of messages a request took seconds.
    setattr(models, unix_time_millis.__name__, lambda: time.time() * 1000)
    add_message = models.Queue.add_message

    def remember(queue: Any, message: Any) -> None:
        message.__dict__.setdefault("first_queue", queue.queue_arn)
        add_message(queue, message)

    setattr(models.Queue, add_message.__name__, remember)
    for action in (start_message_move_task, list_message_move_tasks, cancel_message_move_task):
        setattr(SQSResponse, action.__name__, action)


def start_message_move_task(response: Any) -> ActionResult:
    asked = json.loads(response.body)
    arn = asked["SourceArn"]
    queues = response.sqs_backend.queues.values()
    source = _queue(queues, arn)
    if not any(queue.dead_letter_queue is source for queue in queues):
        raise _Unsupported("Source queue must be configured as a Dead Letter Queue.")
    if any(task["Status"] == "RUNNING" for task in _tasks.get(arn, [])):
        raise _Unsupported("There is already a task running for this source queue.")
    destination = asked.get("DestinationArn")
    task: MoveTask = {
        "TaskHandle": base64.b64encode(f"{uuid.uuid4()}|{arn}".encode()).decode(),
        "Status": "RUNNING",
        "SourceArn": arn,
        "ApproximateNumberOfMessagesMoved": 0,
        "ApproximateNumberOfMessagesToMove": len(source._messages),
        "StartedTimestamp": int(time.time() * 1000),
        **{k: asked[k] for k in ("DestinationArn", "MaxNumberOfMessagesPerSecond") if k in asked},
    }
    _tasks.setdefault(arn, []).insert(0, task)
    target = _queue(queues, destination) if destination else None
    threading.Thread(target=_move, args=(task, queues, source, target), daemon=True).start()
    return ActionResult({"TaskHandle": task["TaskHandle"]})


def list_message_move_tasks(response: Any) -> ActionResult:
    asked = json.loads(response.body)
    tasks = _tasks.get(asked["SourceArn"], [])[: int(asked.get("MaxResults") or 1)]
    # The service shows the handle of a running task only.
    shown = [
        {k: v for k, v in task.items() if k != "TaskHandle" or task["Status"] == "RUNNING"}
        for task in tasks
    ]
    return ActionResult({"Results": shown})


def cancel_message_move_task(response: Any) -> ActionResult:
    handle = json.loads(response.body)["TaskHandle"]
    for tasks in _tasks.values():
        for task in tasks:
            if task["TaskHandle"] == handle and task["Status"] == "RUNNING":
                task["Status"] = "CANCELLING"
                moved = task["ApproximateNumberOfMessagesMoved"]
                return ActionResult({"ApproximateNumberOfMessagesMoved": moved})
    raise _NotFound("Task does not exist.")


def _move(task: MoveTask, queues: Any, source: Any, target: Any) -> None:
    rate = int(task.get("MaxNumberOfMessagesPerSecond") or 0)
    for message in list(source._messages):
        if task["Status"] != "RUNNING":
            task["Status"] = "CANCELLED"
            return
        goal = target or _queue(queues, message.first_queue)
        if goal is source:
            task.update(Status="FAILED", FailureReason="CouldNotDetermineMessageSource")
            return
        if message not in source._messages:  # received and deleted meanwhile
            continue
        source._messages.remove(message)
        # Else moto throws it straight back for its old receives.
        message.approximate_receive_count = 0
        message.approximate_first_receive_timestamp = None
        message.visible_at = 0
        message.mark_sent(delay_seconds=0)
        # From now on it is a message of that queue, should it die there again.
        message.first_queue = goal.queue_arn
        goal.add_message(message)
        task["ApproximateNumberOfMessagesMoved"] += 1
        if rate:
            time.sleep(1 / rate)
    task["Status"] = "COMPLETED"


def _queue(queues: Any, arn: str) -> Any:
    for queue in queues:
        if queue.queue_arn == arn:
            return queue
    raise _NotFound("The resource that you specified for the SourceArn parameter doesn't exist.")
