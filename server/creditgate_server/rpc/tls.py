"""TLS from files, read again when they change: a renewed certificate needs no restart."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """PEM files; `client_ca` set demands of clients a certificate that it has signed."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Make the server's credentials. Raises `OSError` when a file cannot be read."""
        watched = _Watched(self)
        return grpc.dynamic_ssl_server_credentials(
            watched.read(), watched.changed, self.client_ca is not None
        )


class _Watched:
    """Answers the files' contents whenever they are not what they were."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._seen = self._stamps()

    def read(self) -> grpc.ServerCertificateConfiguration:
        files = self._files
        pair = (files.key.read_bytes(), files.certificate.read_bytes())
        roots = files.client_ca.read_bytes() if files.client_ca else None
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=roots)

    def changed(self) -> Any:
        """Be asked before each handshake; None keeps what there is."""
        try:
            stamps = self._stamps()
            if stamps == self._seen:
                return None
            configuration = self.read()
        except OSError as error:
            _log.error("TLS files cannot be read, the old ones stay in use: %s", error)
            return None
        self._seen = stamps
        _log.info("TLS files were read again")
        return configuration

    def _stamps(self) -> tuple[tuple[int, int], ...]:
        paths = (self._files.certificate, self._files.key, self._files.client_ca)
        return tuple((s.st_mtime_ns, s.st_ino) for s in (p.stat() for p in paths if p))
