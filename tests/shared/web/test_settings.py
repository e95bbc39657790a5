from __future__ import annotations

import pytest

from federated_sender.settings import SenderSettings
from registered_receiver.settings import ReceiverSettings
from shared.config import load
from shared.errors import ConfigurationError
from shared.setting_types import Address

ENVIRONMENT = {
    "STATE_DIRECTORY": "/var/lib/receiver",
    "PRACTICE_ODS_CODE": "B82002",
    "MESH_URL": "https://mesh.example",
    "MESH_MAILBOX_ID": "BIRCHMB1",
    "MESH_MAILBOX_PASSWORD": "password",
    "MESH_SHARED_KEY": "key",
}


def faults(**changes: str) -> set[str]:
    with pytest.raises(ConfigurationError) as refused:
        load(ReceiverSettings, ENVIRONMENT | changes)
    return {fault.where for fault in refused.value.faults}


def test_the_pages_listen_on_this_machine_alone_and_both_daemons_have_room() -> None:
    receiver = load(ReceiverSettings, ENVIRONMENT).web_listen

    assert receiver == Address("127.0.0.1", 8081)
    assert SenderSettings.model_fields["web_listen"].default == Address("127.0.0.1", 8082)


@pytest.mark.parametrize("address", ["0.0.0.0:8081", "10.0.0.7:8081", "[::]:8081"])
def test_another_address_is_refused_unless_a_reverse_proxy_is_named_that_ends_tls(address: str) -> None:
    assert faults(WEB_LISTEN=address) == {"WEB_PROXY"}

    named = load(ReceiverSettings, ENVIRONMENT | {"WEB_LISTEN": address, "WEB_PROXY": "10.0.0.7, 172.16.0.0/12"})

    assert named.web_proxy == ("10.0.0.7/32", "172.16.0.0/12")


def test_a_user_header_is_refused_unless_the_proxy_is_named_that_may_set_it() -> None:
    assert faults(WEB_USER_HEADER="X-Forwarded-User") == {"WEB_USER_HEADER"}

    named = load(ReceiverSettings, ENVIRONMENT | {"WEB_USER_HEADER": "X-Forwarded-User", "WEB_PROXY": "127.0.0.1"})

    assert named.web_user_header == "x-forwarded-user"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB_LISTEN", "localhost:8081"),
        ("WEB_LISTEN", "127.0.0.1"),
        ("WEB_LISTEN", "127.0.0.1:0"),
        ("WEB_LISTEN", "127.0.0.1:²"),
        ("WEB_PROXY", "everybody"),
        ("WEB_PROXY", "10.0.0.1/8"),
        ("WEB_HOSTS", "*"),
        ("WEB_HOSTS", "*.example.org"),
        ("WEB_HOSTS", "example.org:443"),
        ("WEB_USER_HEADER", "X Forwarded User"),
        ("WEB_SESSION_IDLE", "PT0S"),
        ("WEB_SESSION_LENGTH", "forever"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(name: str, value: str) -> None:
    assert name in faults(**{"WEB_PROXY": "127.0.0.1", name: value})
