"""Charts, drawn by the server as SVG. What they look like is said by classes, in the style sheet."""
