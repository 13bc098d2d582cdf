"""A socket is confirmed to its client only when its connection is on record."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from websockets.sync.client import connect

from realtime.connections import RECORD_SECONDS
from tests.api.calls import Api
from tests.api.test_websocket import SUBSCRIBE, SUBSCRIBED, receive, send_frame, socket_url


def test_client_hears_that_it_is_connected_when_this_is_on_record(api: Api) -> None:
    chat = api.start()
    query = "SELECT count(*) FROM connections WHERE participant_id = ?"
    with (
        connect(socket_url(api, chat)) as socket,
        closing(sqlite3.connect(api.stack.folder / "store.db", timeout=30, isolation_level=None)) as store,
    ):
        store.execute("BEGIN IMMEDIATE")  # nobody else can write
        send_frame(socket, SUBSCRIBE)
        with pytest.raises(TimeoutError):
            socket.recv(timeout=RECORD_SECONDS / 3)
        store.execute("ROLLBACK")
        assert receive(socket) == SUBSCRIBED
        assert store.execute(query, (chat.participant_id,)).fetchone() == (1,)
