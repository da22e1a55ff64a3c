from __future__ import annotations

import pytest

from atoll.messaging.nats.jetstream import StreamConfig


def test_a_stream_in_files_that_confirms_loses_nothing() -> None:
    assert StreamConfig().losses == []


@pytest.mark.parametrize(
    ("config", "loss"),
    [
        (StreamConfig(storage="memory"), "keeps its messages in memory"),
        (StreamConfig(retention="workqueue"), "drops messages by its 'workqueue' retention"),
        (StreamConfig(no_ack=True), "does not confirm what it stores"),
        (StreamConfig(persist_mode="async"), "confirms before it has stored"),
    ],
)
def test_a_stream_that_could_lose_messages_says_how(config: StreamConfig, loss: str) -> None:
    assert config.losses == [loss]
