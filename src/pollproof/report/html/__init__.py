"""The report as one HTML file: it works offline, and is read without a script."""

from pollproof.report.html.page import html_of

__all__ = ["html_of"]
