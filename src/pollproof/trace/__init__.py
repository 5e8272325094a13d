"""Traces: exchanges, their bodies and shapes, and how a contract reads them."""
