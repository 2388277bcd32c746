from __future__ import annotations

from creditgate_server.cli import main

main()
