"""Every claim about speed, measured: one file a question. See ``benchmarks/README.md``."""
