"""The benchmark: ``signer`` side by side with ``notary`` and ``docker trust``, on real servers.

``python -m tests.bench`` (``make bench``) prints a table. Nothing here is a test, and no test has a
time limit: times depend on the machine, so all programs run in turn, in the same minutes, and what
counts is their ratio.
"""
