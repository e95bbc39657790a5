"""MESH by the folders of NHS England's Java client: the other way to a mailbox, with the same promises as the API."""
