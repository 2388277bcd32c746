"""Elements of SVG."""

from __future__ import annotations

from markupsafe import Markup, escape

WHOLE = 10_000
"""How many hundredths of a percent the whole is."""


def element(name: str, /, *children: Markup | str, **attributes: object) -> Markup:
    """Write an element. Text is escaped; `class_` and `stroke_width` are `class`, `stroke-width`.

    Attributes that are None or empty are left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None and value != ""
    )
    inner = "".join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inner}</{name}>")  # noqa: S704 - all parts are escaped


def together(*parts: Markup | str) -> Markup:
    """Write elements one after the other."""
    return Markup().join(parts)


def percent(part: int, whole: int) -> str:
    """Write a part of a whole in percent, to the hundredth, such as `12.34%`."""
    return hundredths(part * WHOLE // whole if whole else 0)


def hundredths(number: int) -> str:
    """Write hundredths of a percent as percent."""
    return f"{number // 100}.{number % 100:02}%"


def described(id_: str, title: str, description: str) -> tuple[Markup, dict[str, str]]:
    """Answer the elements that tell what a picture shows, and the attributes that point at them."""
    words = together(
        element("title", title, id=f"{id_}-title"),
        element("desc", description, id=f"{id_}-desc"),
    )
    pointers = {
        "role": "img",
        "aria_labelledby": f"{id_}-title",
        "aria_describedby": f"{id_}-desc",
    }
    return words, pointers


def hatching(id_: str, kind: str) -> Markup:
    """Write a pattern of slanting lines, which is told from a plain area without its colour."""
    ground = element("rect", width="7", height="7", class_=f"{kind}-ground")
    line = element("rect", width="3", height="7", class_=f"{kind}-line")
    pattern = element(
        "pattern",
        ground,
        line,
        id=id_,
        width="7",
        height="7",
        patternUnits="userSpaceOnUse",
        patternTransform="rotate(45)",
    )
    return element("defs", pattern)
