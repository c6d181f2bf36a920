"""Protection of the public page: limits for each request and each visitor, and headers of replies.

Gradio itself keeps paths inside its upload folder; this package adds what a public page needs besides.
"""

from zsseg.demo.protection.gate import MAX_VISITORS, MEGABYTE, Gate, Limits, visitor_of
from zsseg.demo.protection.middleware import HEADERS, Protection

__all__ = ["HEADERS", "MAX_VISITORS", "MEGABYTE", "Gate", "Limits", "Protection", "visitor_of"]
