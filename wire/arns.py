"""ARNs of resources. A request names a resource by its id or its ARN; an answer has both.

An id is the name by which the configuration knows the resource. Region and account are placeholders.
"""

from __future__ import annotations

from typing import Literal

from wire.models import AWS_ACCOUNT

ResourceKind = Literal["agent", "agent-state", "contact", "contact-flow", "queue"]
"""The kinds of resources within an instance, as ARNs name them."""


def instance_arn(instance: str) -> str:
    """Return the ARN of an instance."""
    return f"arn:aws:connect:local:{AWS_ACCOUNT}:instance/{instance}"


def resource_arn(instance: str, kind: ResourceKind, resource: str) -> str:
    """Return the ARN of a resource within an instance."""
    return f"{instance_arn(instance)}/{kind}/{resource}"


def contact_arn(instance: str, contact_id: str) -> str:
    """Return the ARN of a contact."""
    return resource_arn(instance, "contact", contact_id)
