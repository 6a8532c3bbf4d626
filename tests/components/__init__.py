"""The real programs that tests, the benchmark and the demonstration run against.

Rules:

- one module per component; each component is a context manager that starts in ``start`` and leaves
  nothing behind in ``stop``; none of them knows pytest (``fixtures`` does);
- everything listens on loopback, on a port that was free, with certificates of one `Authority`;
- readiness is asked of the real protocol, until a deadline; a start that fails shows the log;
- programs get a small environment of their own, never the caller's (no proxies, no credentials);
- a program is started from a thread that outlives it: the kernel ends it with that thread.
"""
