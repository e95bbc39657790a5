"""TLS towards MESH: version 1.2 or later, the server always verified, our certificate shown when we have one."""

from __future__ import annotations

import ssl

from shared.errors import ConfigurationError, Fault
from shared.mesh.account import MeshAccount


def tls_context(account: MeshAccount) -> ssl.SSLContext:
    """Return the context for every connection of ``account``; raises ConfigurationError for an unusable file.

    Made from its parts, so that no setting and no environment variable can switch the verification off. Without a file
    of authorities the machine's are trusted; OpenSSL takes others instead when ``SSL_CERT_FILE`` or ``SSL_CERT_DIR``
    name them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if account.ca_file:
        try:
            context.load_verify_locations(account.ca_file)
        except OSError as error:
            raise _unusable("MESH_CA_FILE", "PEM file of certificate authorities") from error
    elif account.url.startswith("https:"):
        # to this machine alone there is plain http, which trusts nobody and is spared the time that they take
        context.load_default_certs()
    if account.client_cert_file and account.client_key_file:
        try:
            # An encrypted key is a fault here, never a prompt that a daemon would wait at for ever.
            context.load_cert_chain(account.client_cert_file, account.client_key_file, password="")
        except OSError as error:
            rule = "PEM file of a certificate that fits the unencrypted key in MESH_CLIENT_KEY_FILE"
            raise _unusable("MESH_CLIENT_CERT_FILE", rule) from error
    return context


def _unusable(setting: str, what: str) -> ConfigurationError:
    return ConfigurationError([Fault(setting, f"is not a readable {what}")])
