"""Pictures of a segmentation: overlay, legend, heat maps, features, regions. numpy, OpenCV and colour maps only."""

from zsseg.visualize.colors import Color, color_of, colors_of, distance, hex_color
from zsseg.visualize.edges import follow_edges
from zsseg.visualize.maps import (
    cosine_map,
    enlarge,
    margin_map,
    overlap_colors,
    overlap_map,
    pca_rgb,
    score_map,
)
from zsseg.visualize.overlays import (
    LegendRow,
    PixelScore,
    disagreement_map,
    error_map,
    isolation_masks,
    legend,
    overlay,
    paint_layer,
    pixel_scores,
    with_labels,
)
from zsseg.visualize.regions import draw_attention, draw_mask, draw_regions, region_maps, region_ramp

__all__ = [
    "Color",
    "LegendRow",
    "PixelScore",
    "color_of",
    "colors_of",
    "cosine_map",
    "disagreement_map",
    "distance",
    "draw_attention",
    "draw_mask",
    "draw_regions",
    "enlarge",
    "error_map",
    "follow_edges",
    "hex_color",
    "isolation_masks",
    "legend",
    "margin_map",
    "overlap_colors",
    "overlap_map",
    "overlay",
    "paint_layer",
    "pca_rgb",
    "pixel_scores",
    "region_maps",
    "region_ramp",
    "score_map",
    "with_labels",
]
