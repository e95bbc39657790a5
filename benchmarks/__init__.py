"""How fast it is, and how little it takes: ``make bench`` measures everything and writes ``docs/performance.md``."""
