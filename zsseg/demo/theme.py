"""How the page looks and how it is served.

Fonts come from Gradio's own files, so nothing is fetched from elsewhere.
"""

import os
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Base, Color, sizes
from gradio.themes.utils.fonts import LocalFont

_STATIC = Path(__file__).with_name("static")
STYLE = _STATIC / "style.css"

_INK = Color(
    name="ink",
    c50="#f7f7f5",
    c100="#eeeeeb",
    c200="#e0e0dc",
    c300="#c9c9c3",
    c400="#9a9a94",
    c500="#6e6e69",
    c600="#51514e",
    c700="#3a3a39",
    c800="#272828",
    c900="#1b1c1d",
    c950="#121314",
)
_TEAL = Color(
    name="teal",
    c50="#eefaf7",
    c100="#d3f1ea",
    c200="#a9e2d6",
    c300="#74ccbc",
    c400="#43b09f",
    c500="#259484",
    c600="#17776b",
    c700="#155f57",
    c800="#154c47",
    c900="#153f3b",
    c950="#062522",
)


# Gradio's names for the parts of a page; a star refers to a colour above.
_TOKENS = {
    "body_background_fill": "*neutral_50",
    "body_background_fill_dark": "*neutral_950",
    "body_text_color": "*neutral_900",
    "body_text_color_dark": "*neutral_100",
    "body_text_color_subdued": "*neutral_500",
    "body_text_color_subdued_dark": "*neutral_400",
    "background_fill_primary": "white",
    "background_fill_primary_dark": "*neutral_900",
    "background_fill_secondary": "*neutral_50",
    "background_fill_secondary_dark": "*neutral_950",
    "border_color_primary": "*neutral_200",
    "border_color_primary_dark": "*neutral_800",
    "block_background_fill": "white",
    "block_background_fill_dark": "*neutral_900",
    "block_border_width": "1px",
    "block_label_background_fill": "transparent",
    "block_label_background_fill_dark": "transparent",
    "block_label_border_width": "0px",
    "block_label_text_color": "*neutral_500",
    "block_label_text_color_dark": "*neutral_400",
    "block_title_text_color": "*neutral_900",
    "block_title_text_color_dark": "*neutral_100",
    "block_title_text_weight": "700",
    "button_large_text_weight": "700",
    "button_small_text_weight": "700",
    "button_medium_text_weight": "700",
    "form_gap_width": "0px",
    "block_info_text_color": "*neutral_500",
    "block_info_text_color_dark": "*neutral_400",
    "block_shadow": "none",
    "input_background_fill": "*neutral_50",
    "input_background_fill_dark": "*neutral_950",
    "input_border_color": "*neutral_200",
    "input_border_color_dark": "*neutral_800",
    "input_border_color_focus": "*primary_500",
    "input_border_color_focus_dark": "*primary_500",
    "button_primary_background_fill": "*primary_600",
    "button_primary_background_fill_hover": "*primary_700",
    "button_primary_background_fill_dark": "*primary_600",
    "button_primary_background_fill_hover_dark": "*primary_500",
    "button_primary_text_color": "white",
    "slider_color": "*primary_600",
    "slider_color_dark": "*primary_400",
    "link_text_color": "*primary_700",
    "link_text_color_dark": "*primary_300",
}


def script(name: str) -> str:
    """The JavaScript of a component, from the folder of static files."""
    return (_STATIC / name).read_text(encoding="utf-8")


def make_theme() -> gr.themes.Base:
    """Return the page's theme: grey with one accent colour, so that the class colours stand out."""
    return Base(
        primary_hue=_TEAL,
        secondary_hue=_TEAL,
        neutral_hue=_INK,
        radius_size=sizes.radius_lg,
        # Gradio's semi-bold files lack most letters, so bold is the only other weight.
        font=(LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"),
        font_mono=(LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"),
    ).set(**_TOKENS)


def launch_options() -> dict[str, Any]:
    """Return the keyword arguments of `launch` that belong to the page: appearance, limits, no public link."""
    return {
        "theme": make_theme(),
        "css_paths": STYLE,
        "server_name": os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        # Gradio would open a tunnel to the internet.
        "share": False,
        # What is no `UserError` is a defect: its text is for the log and not for visitors.
        "show_error": False,
        "max_file_size": "20mb",
        # Sessions whose answers are held in memory; the oldest is forgotten first.
        "state_session_capacity": 32,
        "footer_links": ["api"],
        "run_history": False,
        # Server-side rendering would need Node beside Python.
        "ssr_mode": False,
        "blocked_paths": [".git", ".venv", "training"],
        # The documented endpoints as tools of the same names ("segment"; a Space puts its own name before them).
        "mcp_server": os.environ.get("GRADIO_MCP_SERVER", "true").lower() == "true",
    }
