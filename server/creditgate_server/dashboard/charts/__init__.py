"""Charts, drawn by the server as SVG. The style sheet says what they look like."""
