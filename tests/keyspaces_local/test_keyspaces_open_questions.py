"""What is not known of the service: keyspaces-local answers each question as it is written down.

The answers of keyspaces-local are Apache Cassandra's or our assumptions. `make acceptance` asks the
service the same questions, and compares. Write the assumed answers again with WRITE_ASSUMED=1.
"""

from __future__ import annotations

import json
import os

import pytest
from cassandra.cluster import Session

from acceptance.questions.catalog import NO_STATEMENT, QUESTIONS, REFUSED, Asked, answers
from acceptance.questions.client import UTCNOW, Target
from acceptance.questions.comparison import ASSUMED, Verdict, assumed, plain, verdict
from acceptance.questions.tables import make_more_tables
from keyspaces_local.rules import RULES
from tests.keyspaces_local.conftest import ENDPOINT

pytestmark = [pytest.mark.stack, pytest.mark.filterwarnings(UTCNOW)]


def test_every_rule_of_which_something_is_assumed_is_asked_about() -> None:
    known = {rule.name for rule in RULES if rule.assumed and not rule.name.startswith("sigv4-")}
    assert set(REFUSED) | NO_STATEMENT == known


def test_every_question_has_a_name_of_its_own_and_an_assumed_answer() -> None:
    names = [question.id for question in QUESTIONS]
    assert len(names) == len(set(names))
    assert set(names) == set(assumed())


def test_each_answer_is_as_assumed(session: Session, keyspace: str, target: Target) -> None:
    make_more_tables(session, keyspace)
    found = {one.id: plain(answer) for one, answer in answers(Asked(session, target))}
    if "WRITE_ASSUMED" in os.environ:
        ASSUMED.write_text(json.dumps(found, indent=2) + "\n")
    known = assumed()
    different = {
        name: (known.get(name), answer)
        for name, answer in found.items()
        if verdict(known.get(name), answer) is not Verdict.AGREES
    }
    if ENDPOINT in os.environ:
        pytest.skip(f"what differs on {target.host} is a finding, not a fault: {different}")
    assert different == {}
    assert not [name for name, answer in found.items() if "Timeout" in str(answer)]
