"""The connection to Temporal: configured by its own variables `TEMPORAL_*` or configuration file, with pydantic payloads,
which are encrypted if the settings have keys."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeIndexedValueType, SearchAttributeKey
from temporalio.envconfig import ClientConfig
from temporalio.service import RetryConfig, RPCError, RPCStatusCode

from runtime.encryption import data_converter
from runtime.errors import PartAway, StartupError
from runtime.sdk_metrics import SdkMetrics
from runtime.settings import Settings

_QUOTED = re.compile(r'(?:message|error): "([^"]+)"')

CONNECT_SECONDS = 10.0
"""How long a connect may take: a frozen server takes the connection and says nothing."""

_AWAY = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.NOT_FOUND,  # the namespace: a new cluster answers before it has one
}
"""What a cluster answers that is still starting."""

_TYPES = {
    SearchAttributeIndexedValueType.KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    SearchAttributeIndexedValueType.KEYWORD_LIST: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    SearchAttributeIndexedValueType.DATETIME: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}


async def connect(settings: Settings, *, retries: bool = True, sdk: SdkMetrics | None = None) -> Client:
    """Connect to the server that the variables `TEMPORAL_*` or Temporal's configuration file name; else to the local server.

    Args:
        settings: the settings of the process.
        retries: whether the SDK repeats a call that fails for the moment. It waits for a second where Temporal refuses a call for
            some milliseconds, so `engine.calls` repeats calls itself.
        sdk: counts what the client, and a worker with it, does. None: nothing is counted.

    Raises:
        PartAway: no server answers at that address, or it does not have the namespace yet.
        StartupError: the address is not valid.
    """
    config = ClientConfig.load_client_connect_config()
    address = config.setdefault("target_host", f"127.0.0.1:{settings.temporal_port}")
    retry_config = None if retries else RetryConfig(max_retries=1)  # the first attempt counts
    runtime = sdk.runtime if sdk else None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            converter = data_converter(settings.encryption_keys)
            client = await Client.connect(
                **config, data_converter=converter, retry_config=retry_config, runtime=runtime
            )
            await _find_namespace(client)
            return client
    except TimeoutError:
        raise PartAway(f"Temporal does not answer at {address} within {CONNECT_SECONDS:g} s") from None
    except RuntimeError as error:
        raise PartAway(f"Temporal does not answer at {address}: {_reason(error)}") from None
    except ValueError as error:
        raise StartupError(f"the address of Temporal, {address}, is not valid: {error}") from None


async def _find_namespace(client: Client) -> None:
    try:
        await ask_for_namespace(client, timedelta(seconds=CONNECT_SECONDS))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise PartAway(f"Temporal does not have the namespace {client.namespace}") from None
        if error.status in _AWAY:
            raise PartAway(f"Temporal does not have the namespace {client.namespace}: {error.message}") from None
        # whoever may not look at a namespace may still use it


def _reason(error: RuntimeError) -> str:
    """The text for people in an error of the SDK's core, which quotes it inside structures of Rust."""
    quoted = _QUOTED.findall(str(error))
    return quoted[-1] if quoted else "the connection fails; check its address and TEMPORAL_TLS"


async def ask_for_namespace(client: Client, limit: timedelta) -> None:
    """Ask Temporal for the namespace, which it reads from its database.

    Raises:
        RPCError: Temporal does not answer in time, or has no such namespace.
    """
    await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), retry=False, timeout=limit
    )


def check_no_other_server(settings: Settings) -> None:
    """Check that Temporal's variables and file name no server but the one that this process starts.

    Raises:
        StartupError: they name another server; the message lists the variables.
    """
    config = ClientConfig.load_client_connect_config()
    own = {
        "target_host": (None, f"127.0.0.1:{settings.temporal_port}", f"localhost:{settings.temporal_port}"),
        "namespace": (None, "default"),
        "api_key": (None,),
        "tls": (None, False),
    }
    variables = {"target_host": "TEMPORAL_ADDRESS", "namespace": "TEMPORAL_NAMESPACE", "api_key": "TEMPORAL_API_KEY"}
    other = [variables.get(name, "TEMPORAL_TLS") for name, allowed in own.items() if config.get(name) not in allowed]
    if not other:
        return
    # an API key alone enables TLS, and a file may hold what no variable holds
    found = [name for name in other if name in os.environ] or ["Temporal's configuration file"]
    raise StartupError(
        f"another Temporal server is configured ({', '.join(found)}), but `python -m perennial` starts one of its own; "
        "unset that, or run `python -m worker` and `python -m api` against the other server"
    )


async def register_search_attributes(client: Client, keys: Sequence[SearchAttributeKey[Any]]) -> None:
    """Add the search attributes that the cluster lacks. Idempotent.

    Raises:
        PartAway: the cluster is still starting.
        StartupError: the cluster refuses; the message quotes it.
    """
    service = client.operator_service
    try:
        missing = {key.name: _type(key) for key in await missing_search_attributes(client, keys)}
        if missing:
            await service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing),
                timeout=timedelta(seconds=30),
            )
    except RPCError as error:
        kind = PartAway if error.status in _AWAY else StartupError
        raise kind(f"Temporal does not accept the search attributes: {error.message}") from None


async def missing_search_attributes(
    client: Client, keys: Sequence[SearchAttributeKey[Any]]
) -> list[SearchAttributeKey[Any]]:
    """The search attributes that the namespace lacks."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = await client.operator_service.list_search_attributes(request)
    return [key for key in keys if key.name not in known.custom_attributes]


def _type(key: SearchAttributeKey[Any]) -> IndexedValueType.ValueType:
    return _TYPES[key.indexed_value_type]
