"""The connection to Temporal: from Temporal's own `TEMPORAL_*` variables, with pydantic payloads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeIndexedValueType, SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from runtime.errors import StartupError
from runtime.settings import Settings

_TYPES = {
    SearchAttributeIndexedValueType.KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    SearchAttributeIndexedValueType.KEYWORD_LIST: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    SearchAttributeIndexedValueType.DATETIME: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}


async def connect(settings: Settings) -> Client:
    """Connects as `TEMPORAL_*` say; without them to the local server's port.

    Raises:
        StartupProblem: nothing answers there.
    """
    config = ClientConfig.load_client_connect_config()
    address = config.setdefault("target_host", f"127.0.0.1:{settings.temporal_port}")
    try:
        return await Client.connect(**config, data_converter=pydantic_data_converter)
    except RuntimeError as error:
        raise StartupError(f"Temporal does not answer at {address}: {error}") from None


async def register_search_attributes(client: Client, keys: Sequence[SearchAttributeKey[Any]]) -> None:
    """Makes the cluster know the search attributes; those it has are left alone.

    Raises:
        StartupProblem: the cluster refuses; its own words say why.
    """
    service = client.operator_service
    try:
        known = await service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        missing = {key.name: _type(key) for key in keys if key.name not in known.custom_attributes}
        if missing:
            await service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing),
                timeout=timedelta(seconds=30),
            )
    except RPCError as error:
        raise StartupError(f"Temporal does not take the search attributes: {error.message}") from None


def _type(key: SearchAttributeKey[Any]) -> IndexedValueType.ValueType:
    return _TYPES[key.indexed_value_type]
