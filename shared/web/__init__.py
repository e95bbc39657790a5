"""The web pages of a daemon: users, sessions, safe answers. A process of its own, which nothing depends on."""
