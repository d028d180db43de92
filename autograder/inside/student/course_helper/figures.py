"""The course's look, and figures that sliders change."""

from __future__ import annotations

import os
from collections.abc import Callable

# Okabe and Ito's palette (2008): eight colours that colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")


def use_course_style() -> None:
    """Set matplotlib to the course's colours, sizes and line styles.

    Lines differ in dash pattern as well as in colour, so figures read in print.
    """
    import matplotlib.pyplot as plt
    from cycler import cycler

    dashes = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), "-")
    plt.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=dashes),
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.dpi": 100,
            "font.size": 11,
            "grid.alpha": 0.3,
            "image.cmap": "gray",
            "lines.linewidth": 2.0,
        }
    )


def play(
    draw: Callable[..., object], **controls: tuple[float, float, float, float] | list[str]
) -> None:
    """Draw a figure that sliders and menus change; where widgets do not run draw it once.

    They do not run without the package ipywidgets, nor in a notebook that is executed
    without a person in front of it, which sets the variable COURSE_STATIC_FIGURES.

    Args:
        draw: a function of one argument per control; it draws and shows one figure.
        controls: for every slider ``name=(start, low, high, step)``, for every menu
            ``name=[first choice, another, ...]``.
    """
    starts = {name: control[0] for name, control in controls.items()}
    try:
        import ipywidgets
    except ImportError:
        print("Sliders need the package ipywidgets; this is the figure at its first values.")
        ipywidgets = None
    if ipywidgets is None or os.environ.get("COURSE_STATIC_FIGURES"):
        draw(**starts)
        return

    def widget(control: tuple[float, float, float, float] | list[str]) -> object:
        if isinstance(control, list):
            return ipywidgets.Dropdown(options=control)
        start, low, high, step = control
        slider = ipywidgets.IntSlider if isinstance(step, int) else ipywidgets.FloatSlider
        return slider(value=start, min=low, max=high, step=step, continuous_update=False)

    ipywidgets.interact(draw, **{name: widget(control) for name, control in controls.items()})
