"""What both test harnesses stand on: messages that are broken on purpose, and where they may be sent."""
