"""Mail is handed in over TLS that is verified, or not at all."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from shared.errors import MailFailed
from shared.mail import Mailer
from shared.smtp import SmtpServer, smtp_server
from tests.fakes.smtp import PASSWORD, USER, MailServer
from tests.sandbox.authority import Authority, Files

StartServer = Callable[..., MailServer]
# the test server does not see that its connection was encrypted from the first byte
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")
LOGIN = USER.replace("@", "%40")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "mail-authority")


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Files:
    return authority.issue("localhost", "localhost")


@pytest.fixture
def start() -> Iterator[StartServer]:
    servers: list[MailServer] = []

    def started(**how: Any) -> MailServer:
        servers.append(MailServer(**how))
        servers[-1].start()
        return servers[-1]

    yield started
    for server in servers:
        server.stop()


def context(files: Files) -> ssl.SSLContext:
    found = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    found.load_cert_chain(files.certificate, files.key)
    return found


def mail(*recipients: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "alerts@alder.example", ", ".join(recipients or ("manager@alder.example",))
    message["Subject"] = "an alert"
    message.set_content("look at it")
    return message


def server(url: str) -> SmtpServer:
    return smtp_server(url)


def talk_for_ever(listener: socket.socket) -> None:
    with listener.accept()[0] as connection, suppress(OSError):
        while True:
            connection.sendall(b"220-one more line\r\n")
            # read by the other side, or gone: what is in between cannot be waited for otherwise
            connection.settimeout(0.05)
            with suppress(TimeoutError):
                if not connection.recv(1):
                    return


def test_a_mail_goes_over_tls_from_the_first_byte_with_a_login(
    start: StartServer, authority: Authority, certificate: Files
) -> None:
    running = start(implicit_tls=context(certificate), wants_login=True)
    mailer = Mailer(server(f"smtps://{LOGIN}@localhost:{running.port}"), PASSWORD, authority.file)

    refused = mailer.send(mail("manager@alder.example", "gp@alder.example"))

    (delivered,) = running.mails
    assert refused == 0
    assert delivered.recipients == ["manager@alder.example", "gp@alder.example"]
    assert (delivered.sender, delivered.was_encrypted) == ("alerts@alder.example", True)
    assert delivered.text == "look at it\n"


def test_a_mail_goes_over_starttls_with_a_login(start: StartServer, authority: Authority, certificate: Files) -> None:
    running = start(starttls=context(certificate), wants_login=True)
    mailer = Mailer(server(f"smtp://{LOGIN}@localhost:{running.port}?starttls=required"), PASSWORD, authority.file)

    mailer.send(mail())

    assert [each.was_encrypted for each in running.mails] == [True]


def test_a_server_without_starttls_gets_nothing(start: StartServer) -> None:
    running = start()
    mailer = Mailer(server(f"smtp://localhost:{running.port}?starttls=required"))

    with pytest.raises(MailFailed, match="no STARTTLS"):
        mailer.send(mail())

    assert running.mails == []


def test_a_server_on_this_machine_may_be_told_in_plain(start: StartServer) -> None:
    running = start()

    Mailer(server(f"smtp://127.0.0.1:{running.port}")).send(mail())

    assert [each.was_encrypted for each in running.mails] == [False]


@pytest.mark.parametrize("scheme", ["smtps://localhost:{}", "smtp://localhost:{}?starttls=required"])
def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    start: StartServer, certificate: Files, tmp_path: Path, scheme: str
) -> None:
    how = "implicit_tls" if scheme.startswith("smtps") else "starttls"
    running = start(**{how: context(certificate)})
    stranger = Authority(tmp_path, "stranger")
    mailer = Mailer(server(scheme.format(running.port)), None, stranger.file)

    with pytest.raises(MailFailed, match="certificate cannot be trusted"):
        mailer.send(mail())

    assert running.mails == []


def test_a_certificate_for_another_host_is_not_trusted(start: StartServer, authority: Authority) -> None:
    running = start(implicit_tls=context(authority.issue("elsewhere", "elsewhere.example")))

    with pytest.raises(MailFailed, match="certificate cannot be trusted"):
        Mailer(server(f"smtps://localhost:{running.port}"), None, authority.file).send(mail())


def test_a_wrong_password_is_named_and_not_repeated(
    start: StartServer, authority: Authority, certificate: Files
) -> None:
    running = start(implicit_tls=context(certificate), wants_login=True)
    mailer = Mailer(server(f"smtps://{LOGIN}@localhost:{running.port}"), "wednesday", authority.file)

    with pytest.raises(MailFailed, match="refuses the user or the password") as caught:
        mailer.send(mail())

    assert "wednesday" not in str(caught.value) + repr(mailer)


def test_a_recipient_who_is_refused_does_not_keep_the_others_from_theirs(start: StartServer) -> None:
    running = start(refused_recipients={"gone@alder.example"})

    refused = Mailer(server(f"smtp://localhost:{running.port}")).send(mail("gone@alder.example", "gp@alder.example"))

    assert (refused, [each.recipients for each in running.mails]) == (1, [["gp@alder.example"]])


def test_when_every_recipient_is_refused_nothing_was_sent(start: StartServer) -> None:
    running = start(refused_recipients={"gone@alder.example"})

    with pytest.raises(MailFailed, match=r"every recipient \(550\)"):
        Mailer(server(f"smtp://localhost:{running.port}")).send(mail("gone@alder.example"))


def test_a_sender_whom_the_server_does_not_take_is_named_as_the_cause(start: StartServer) -> None:
    running = start(refused_senders={"alerts@alder.example"})

    with pytest.raises(MailFailed, match=r"refuses the sender's address \(553\)"):
        Mailer(server(f"smtp://localhost:{running.port}")).send(mail())


def test_a_server_that_speaks_no_tls_where_it_should_gets_nothing(start: StartServer) -> None:
    running = start()

    with pytest.raises(MailFailed, match="no TLS connection"):
        Mailer(server(f"smtps://localhost:{running.port}")).send(mail())


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.mail._ANSWER_WITHIN", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = server(f"smtp://127.0.0.1:{silent.getsockname()[1]}")

        with pytest.raises(MailFailed, match="does not answer in time"):
            Mailer(address).probe()


def test_what_the_server_says_is_not_repeated(start: StartServer) -> None:
    running = start(answers_to_data=["451 about Smith 9690937278"])

    with pytest.raises(MailFailed, match="it answers 451") as caught:
        Mailer(server(f"smtp://localhost:{running.port}")).send(mail())

    assert "Smith" not in str(caught.value)


def test_a_server_that_is_away_is_a_failure_in_words(start: StartServer) -> None:
    running = start()
    running.stop()

    with pytest.raises(MailFailed, match=f"mail server localhost:{running.port} .* cannot be reached"):
        Mailer(server(f"smtp://localhost:{running.port}")).probe()


def test_a_server_that_never_comes_to_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.mail.DONE_WITHIN", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        talker = threading.Thread(target=talk_for_ever, args=(listener,))
        talker.start()

        with pytest.raises(MailFailed):
            Mailer(server(f"smtp://127.0.0.1:{listener.getsockname()[1]}")).probe()

        talker.join(timeout=30)
    assert not talker.is_alive()


def test_probing_sends_nothing(start: StartServer) -> None:
    running = start()

    Mailer(server(f"smtp://localhost:{running.port}")).probe()

    assert running.mails == []
