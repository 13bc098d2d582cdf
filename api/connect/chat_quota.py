"""How many chats an instance may have at the same time."""

from __future__ import annotations

from api.dependencies import Services
from configuration.schema.instances import InstanceSettings
from configuration.schema.limits import number
from domain.errors import LimitReached
from store.open_records import count_active


async def require_room(services: Services, instance: str, settings: InstanceSettings) -> None:
    """Check that the instance may have one more chat. Those that wait for their customer, or are in wrap-up, do not count.

    The store knows the chats of all processes. So the limit is exceeded by no more than the starts that are under way.

    Raises:
        LimitReached: it may not.
    """
    own = settings.limits.open_chats
    most = number(services.settings.limits.open_chats if own is None else own)
    if most is not None and await count_active(services.db, instance, most) >= most:
        services.metrics.throttled.labels("open_chats").inc()
        raise LimitReached(f"InstanceId: instance {instance!r} has {most} open chats, which is its limit.")
